"""Record what an alias points at (an adapter, or an arm without one), and every move it ever made.

A move is one new numbered file, made with the lock held: two promoters cannot both win, a killed one leaves the alias
as it was or moved, and the number of moves is sealed, so that none is lost unseen.
"""

import time
from pathlib import Path

from harness.errors import InvalidError, NotYetError
from harness.store.artifacts import Artifacts
from harness.store.entries import Entries
from harness.store.heads import Heads
from harness.store.lock import Lock
from harness.store.names import name
from harness.types import Arm, Promotion

ADAPTERS, ARMS = "adapter", "arm"
"""Kinds of artifact that an alias can point at: an adapter's folder, or the settings of an arm."""

ROLLBACK = "rollback"
KIND = "promotion"
HEAD = f"{KIND}/"


class Promotions:
    def __init__(self, folder: Path, lock: Lock, artifacts: Artifacts, heads: Heads) -> None:
        self._folder, self._lock, self._artifacts, self._heads = folder, lock, artifacts, heads

    def aliases(self) -> list[str]:
        """Those that were ever moved, one that has lost its moves among them."""
        there = {path.parent.name for path in self._folder.glob("[!.]*/[0-9]*.json")}
        return sorted(there | {head.removeprefix(HEAD) for head in self._heads.names(HEAD)})

    def history(self, alias: str) -> list[Promotion]:
        """Every move, the oldest first. Raises StorageError when one was changed or is lost."""
        return self._moves(alias).all()

    def current(self, alias: str) -> Promotion | None:
        """The last move, or None when the alias was never moved. Raises StorageError when a move was changed or is lost."""
        history = self.history(alias)
        return history[-1] if history else None

    def move(
        self, alias: str, adapter: str, verdict: str, *, by: str = "", expected: str | None, look: str = ""
    ) -> Promotion:
        """Let `alias` point at `adapter`, the content id of an adapter or an arm (empty: the base model), which is read and
        checked first. `look` is the verdict's.

        `expected` is the id that it points at now, None when it was never moved. Raises InvalidError when
        somebody else moved it meanwhile, StorageError when the files were changed.
        """
        with self._lock():
            now = self.current(alias)
            held = now.adapter if now else None
            if held != expected:
                raise InvalidError(
                    f"{alias} was moved meanwhile: it stands for {_short(held)}, not for {_short(expected)}",
                    where=alias,
                    next="look at `trueup status`, then judge again",
                )
            return self._append(alias, adapter, verdict, by, "promote", look)

    def rollback(self, alias: str, by: str = "") -> Promotion:
        """Undo the last promotion that still stands; before the first one stands the base model.

        Raises NotYetError when nothing is left to undo, StorageError when the earlier adapter's files were changed.
        """
        with self._lock():
            adapter, verdict = self.before(alias)
            return self._append(alias, adapter, verdict, by, ROLLBACK)

    def before(self, alias: str) -> tuple[str, str]:
        """What a rollback leads to: its content id (empty: the base model), and that of the verdict it was promoted with.

        Raises NotYetError when nothing is left to undo.
        """
        standing = _standing(self.history(alias))
        if not standing:
            raise NotYetError(f"{alias} has nothing to roll back to", where=alias, next="trueup promote")
        move = next((move for move in reversed(standing[:-1]) if self.is_kept(move.adapter)), None)
        return (move.adapter, move.verdict) if move else ("", "")

    def verify(self) -> list[str]:
        """Names each move that is not what was written, and each alias that has lost some."""
        return [damaged for alias in self._known() for damaged in self._moves(alias).verify()]

    def accept(self) -> list[str]:
        """Go on with what is left; says what was lost."""
        return [lost for alias in self._known() for lost in self._moves(alias).accept()]

    # ------------------------------------------------------------ small print

    def _append(self, alias: str, adapter: str, verdict: str, by: str, reason: str, look: str = "") -> Promotion:
        self._check(adapter)
        history = self.history(alias)
        move = Promotion(
            alias=alias,
            adapter=adapter,
            verdict=verdict,
            at_ns=time.time_ns(),
            by=by,
            reason=reason,
            previous=history[-1].adapter if history else "",
            look=look,
        )
        self._moves(alias).append(move, history)
        return move

    def _check(self, ident: str) -> None:
        """Raises InputError when there is no such adapter or arm, StorageError when it was changed."""
        if ident and self._artifacts.has(ARMS, ident):
            ident = self._artifacts.get(ARMS, ident, Arm).adapter
        if ident:
            self._artifacts.folder(ADAPTERS, ident, again=True)

    def is_kept(self, ident: str) -> bool:
        """Whether what an alias points at was not removed since, as after `trueup forget`: no rollback can lead to it then."""
        if ident and self._artifacts.has(ARMS, ident):
            ident = self._artifacts.get(ARMS, ident, Arm).adapter
        return not ident or self._artifacts.has(ADAPTERS, ident)

    def _known(self) -> list[str]:
        """Aliases; those on the disk where the seal cannot be read."""
        return sorted(path.name for path in self._folder.glob("[!.]*")) if self._heads.verify() else self.aliases()

    def _moves(self, alias: str) -> Entries[Promotion]:
        return Entries(self._folder / name(alias, "an alias"), KIND, Promotion, self._heads, name=alias)


def _standing(history: list[Promotion]) -> list[Promotion]:
    """The promotions that no rollback has undone, the oldest first."""
    standing: list[Promotion] = []
    for move in history:
        if move.reason == ROLLBACK:
            standing.pop()
        else:
            standing.append(move)
    return standing


def _short(adapter: str | None) -> str:
    return "nothing" if adapter is None else adapter[:12] or "the base model"
