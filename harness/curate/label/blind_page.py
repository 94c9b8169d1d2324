"""Serve the blind comparison of two arms to one person; each answer is kept when it is given."""

from collections.abc import Callable
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import msgspec

from harness.curate import review
from harness.curate.label import blind
from harness.curate.label.blind import Choice, Duel
from harness.curate.review.server import Loopback
from harness.curate.review.step import KINDS
from harness.errors import InputError, UsageError
from harness.project import Project
from harness.types import Noun, Run


class Chosen(Noun, frozen=True):
    """What the page sends."""

    id: str
    choice: Choice


class BlindSitting:
    """One sitting: the page, and what was answered on it. `keep` stores an answer before the page hears of it."""

    def __init__(self, duels: tuple[Duel, ...], keep: Callable[[Duel, Choice], None]) -> None:
        self._keep = keep
        self._duels = {duel.id: duel for duel in duels}
        self.answered: dict[str, Choice] = {}
        own, shared = resources(__package__) / "pages", resources(review.__name__) / "pages"
        pages = {
            "": (KINDS["html"], (own / "blind.html").read_bytes()),
            "blind.js": (KINDS["js"], (own / "blind.js").read_bytes()),
            "sitting.js": (KINDS["js"], (shared / "sitting.js").read_bytes()),
            "review.css": (KINDS["css"], (shared / "review.css").read_bytes()),
        }
        items = [blind.shown(duel) for duel in duels]
        answers: dict[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "items"): lambda _: msgspec.to_builtins({"items": items, "answered": self.answered}),
            ("POST", "answer"): self._answer,
            ("POST", "finish"): self._finish,
        }
        self.server = Loopback(pages, answers)

    def _answer(self, given: Any) -> dict[str, int]:
        try:
            chosen = msgspec.convert(given, Chosen)
        except msgspec.ValidationError as error:
            raise InputError(f"not an answer of the page: {error}") from error
        if chosen.id not in self._duels:
            raise InputError("this case is not among those that are shown")
        self._keep(self._duels[chosen.id], chosen.choice)
        self.answered[chosen.id] = chosen.choice
        return {"answered": len(self.answered)}

    def _finish(self, _: Any) -> dict[str, int]:
        self.server.stop()
        return {"answered": len(self.answered)}


def latest_runs(project: Project, names: tuple[str, str]) -> tuple[Run, Run]:
    """The runs of two arms in the latest evaluation. Raises UsageError naming the arms that there are."""
    known = project.runs(project.latest_evaluation())
    for name in names:
        if name not in known:
            raise UsageError(f"the latest evaluation has no arm {name!r}", next=f"known: {', '.join(known)}")
    return known[names[0]], known[names[1]]


def labels_folder(project: Project, out: Path | None) -> Path:
    """Where the labels of blind comparisons go: `labels/` beside trueup.toml unless another folder is named."""
    return out or Path(project.config.root) / "labels"
