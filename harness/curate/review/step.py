"""Review targets: the queue from the store, the local page, the answers back into the store as feedback."""

import time
from collections.abc import Callable
from importlib.resources import files as resources
from typing import Any, Literal

import msgspec

from harness.curate import doubt
from harness.curate import step as curate_step
from harness.curate.review import queue as review_queue
from harness.curate.review.queue import Item
from harness.curate.review.server import Loopback
from harness.curate.sieve import Sieve
from harness.errors import InputError, UsageError
from harness.ingest.settings import redacted
from harness.mine import step as mine_step
from harness.mine.traffic import Traffic
from harness.project import Project
from harness.types import Noun

PAGE = {"": "review.html", "sitting.js": "sitting.js", "review.js": "review.js", "review.css": "review.css"}
HEADINGS = {"review": "Worth a look", "label": "Call to label"}
"""What a sitting is for: the heading of a call that is in no failure cluster."""
KINDS = {"html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}


class Said(Noun, frozen=True):
    """What the page sends."""

    call_id: str
    action: Literal["accept", "edit", "reject"]
    text: str = ""


def queue(project: Project, cluster: str = "", most: int = 500) -> tuple[Item, ...]:
    """The calls worth a look, most useful first. `cluster`: the start of a cluster's id.

    Raises UsageError when no cluster's id starts so.
    """
    with project.store.lock():
        mined, feedback = mine_step.mine(project), project.feedback()
        if cluster and not any(one.id.startswith(cluster) for one in mined.clusters):
            raise UsageError(f"no cluster has an id that starts with {cluster!r}", next="trueup mine shows the ids")
        traffic = Traffic(project.calls())
        rows, fates = Sieve(traffic, feedback, mined).rows(curate_step.curate_options(project))
    inside = {call for one in mined.clusters if one.id.startswith(cluster) for call in one.call_ids}
    doubts = doubt.doubts(rows, feedback)
    found = review_queue.wanted(rows, fates, mined, feedback, doubts)
    chosen = [call_id for call_id in found if not cluster or call_id in inside][:most]
    calls, by_call = project.store.traces.calls_by_id(chosen), {row.call.id: row for row in rows}
    return tuple(
        review_queue.item(
            calls[name],
            traffic.prompts.strip(calls[name]),
            by_call.get(name),
            mined,
            [each for each in doubts if each.call_id == name],
        )
        for name in chosen
        if name in calls
    )


def record(project: Project, item: Item, said: Said, by: str) -> None:
    """Keep one answer, redacted; durable when it returns.

    Raises InputError for a target that is none, BusyError when a run writes, RedactionError when it cannot be redacted.
    """
    told = redacted(project)(review_queue.verdict(item, said.action, said.text, by, time.time_ns()))
    with project.store.lock():
        project.store.traces.merge((), [told], ())


class Review:
    """One sitting: the page, and how many of its items were answered. `keep` stores an answer before the page hears of it;
    `kind` is a key of `HEADINGS`."""

    def __init__(self, keep: Callable[[Item, Said], None], items: tuple[Item, ...], kind: str = "review") -> None:
        self._keep = keep
        self._items = {item.call_id: item for item in items}
        self.answered: dict[str, Said] = {}
        """Call id to the last answer: what a second tab, or the page read anew, has to show."""
        folder = resources(__package__) / "pages"
        answers: dict[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "items"): lambda _: msgspec.to_builtins({"items": items, "answered": self.answered}),
            ("GET", "answered"): lambda _: msgspec.to_builtins({"answered": self.answered}),
            ("POST", "answer"): self._answer,
            ("POST", "finish"): self._finish,
        }
        pages = {path: (KINDS[name.rpartition(".")[2]], (folder / name).read_bytes()) for path, name in PAGE.items()}
        pages[""] = (KINDS["html"], _titled(pages[""][1].decode(), kind))
        self.server = Loopback(pages, answers)

    def _answer(self, given: Any) -> dict[str, int]:
        try:
            said = msgspec.convert(given, Said)
        except msgspec.ValidationError as error:
            raise InputError(f"not an answer of the page: {error}") from error
        if said.call_id not in self._items:
            raise InputError("this call is not among those that are shown")
        self._keep(self._items[said.call_id], said)
        self.answered[said.call_id] = said
        return {"answered": len(self.answered)}

    def _finish(self, _: Any) -> dict[str, int]:
        self.server.stop()
        return {"answered": len(self.answered)}


def _titled(page: str, kind: str) -> bytes:
    """The page with the name of its kind in title and heading."""
    words = {"@kind@": kind, "@Kind@": kind.capitalize(), "@heading@": HEADINGS[kind]}
    for mark, word in words.items():
        page = page.replace(mark, word)
    return page.encode()
