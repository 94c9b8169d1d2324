"""Erase a person: their calls and feedback, and a mark on what was made with them.

What was made with a forgotten call is marked: a marked dataset is never
trained on again, and an adapter of one is not judged or promoted.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

from harness.core import dataset_files, traces_left
from harness.core.dataset_files import SPLITS
from harness.errors import UsageError
from harness.ingest.collector import inbox
from harness.ingest.settings import INBOX, redactor
from harness.project import FORGOTTEN, Project
from harness.types import Noun


class Mark(Noun, frozen=True):
    """Why a dataset or an adapter is not used again. Who was forgotten is not written down."""

    of: str
    """dataset or adapter."""
    calls: int = 0
    """How many of its calls were forgotten, in all."""


class Forgotten(Noun, frozen=True):
    calls: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()
    promoted: tuple[str, ...] = ()
    """Aliases that stand on one of the adapters."""
    waiting: int = 0
    """Bytes in the inbox that a receiver is still writing. What they hold of it stays out of the table."""
    remains: tuple[str, ...] = ()
    """Where copies of what was said, or ids, may still be, in words."""


def forget(project: Project, user: str = "", trace: str = "", later: bool = False) -> Forgotten:
    """Erase a user's or a trace's calls and feedback for good, and mark what was made with them. Hold the store's lock.

    A user's id is found as it was traced, and as its pseudonym; with `later` the user's later calls are kept out too. What
    was made is marked first, for once the calls are erased nothing tells any more what was. Raises UsageError when not
    exactly one of the two is given.
    """
    if bool(user) == bool(trace):
        what = "one at a time" if user else "nothing to forget"
        raise UsageError(what, next="trueup forget --user ID, or --trace ID")
    if later and not user:
        raise UsageError("only a user has later calls", next="trueup forget --user ID --later")
    redact = redactor(project)
    users = {user, redact.text(user) if redact else user} - {""}
    gone = project.store.traces.belonging(users, trace)
    held = _datasets(project, {*gone})
    adapters = [ident for ident in project.store.artifacts.ids("adapter") if project.adapter(ident).dataset in held]
    for ident, calls in held.items():
        _mark(project, ident, Mark(of="dataset", calls=calls))
    for ident in adapters:
        _mark(project, ident, Mark(of="adapter", calls=held[project.adapter(ident).dataset]))
    return Forgotten(
        calls=project.store.traces.forget(users, trace, later),
        datasets=tuple(held),
        adapters=tuple(adapters),
        promoted=tuple(alias for alias in project.store.promotions.aliases() if _current(project, alias) in adapters),
        waiting=inbox.waiting(project.store.root / INBOX),
        remains=_remains(project, gone, {*users, trace} - {""}, held, adapters),
    )


def _datasets(project: Project, gone: set[str]) -> dict[str, int]:
    """Ids of the datasets that hold some of these calls, and how many."""
    found = {}
    for ident in project.store.artifacts.ids("dataset") if gone else ():
        folder = project.store.artifacts.folder("dataset", ident)
        cases = (case for split in SPLITS for case in dataset_files.read_split(folder, split))
        calls = {case.call_id for case in cases} & gone
        if calls:
            found[ident] = len(calls)
    return found


def _mark(project: Project, ident: str, mark: Mark) -> None:
    if not project.is_marked(ident):
        project.store.artifacts.put(FORGOTTEN, mark, id=ident)


def _current(project: Project, alias: str) -> str:
    current = project.store.promotions.current(alias)
    return project.served_adapter(current.adapter) if current else ""


def _remains(
    project: Project, gone: Sequence[str], names: set[str], held: dict[str, int], adapters: list[str]
) -> tuple[str, ...]:
    """What erasing rows cannot reach."""
    root = project.store.root
    folders = [
        *(root / "artifacts" / "dataset" / ident for ident in held),
        *(root / "artifacts" / "adapter" / ident for ident in adapters),
    ]
    places = [
        *(f"the rows of dataset {ident[:12]}: rm -r {root}/artifacts/dataset/{ident}" for ident in held),
        *(f"what adapter {ident[:12]} learnt: rm -r {root}/artifacts/adapter/{ident}" for ident in adapters),
    ]
    for path in traces_left.files([root, Path(project.config.report.out)], {*gone, *names}):
        if not any(path.is_relative_to(folder) for folder in (*folders, root / "ledger")):
            places.append(f"{_what(root, path)}: rm {shlex.quote(str(path))}")
    if held and (root / "replies").is_dir():
        places.append(f"answers to their cases, without a name: rm -r {root}/replies; they are asked again")
    if any(f"call:{call}" in project.store.ledger.splits() for call in gone):
        places.append(f"ids of calls and sessions, without a text, in {root}/ledger: what was held out stays known")
    unread = project.store.traces.counts()["quarantined"]
    if unread:
        places.append(f"excerpts of what could not be read ({unread:,}): nobody knows whose they are")
    return (*places, "the trace exports themselves: these records are not read again, but are still there")


def _what(root: Path, path: Path) -> str:
    """What a file is, for a person."""
    if not path.is_relative_to(root):
        return "a report"
    room, *rest = path.relative_to(root).parts
    if room == "artifacts":
        return f"a stored {rest[0]}"
    return {"scratch": "a work folder", "inbox": "what was received and not read yet"}.get(room, f"a file of {room}")
