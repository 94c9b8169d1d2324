"""Record which adapter an alias points at, and every move it ever made.

A move is one new numbered file, made only if its number is free: two promoters cannot both win, a killed one leaves the
alias as it was, and nothing is ever overwritten.
"""

import time
from pathlib import Path

from harness.errors import InvalidError, StorageError
from harness.store import sealed
from harness.store.artifacts import Artifacts
from harness.store.lock import Lock
from harness.store.names import name
from harness.types import Promotion

ADAPTERS = "adapter"
"""Kind of artifact that an alias stands for."""

ROLLBACK = "rollback"


class Promotions:
    def __init__(self, folder: Path, lock: Lock, artifacts: Artifacts) -> None:
        self._folder, self._lock, self._artifacts = folder, lock, artifacts

    def aliases(self) -> list[str]:
        return sorted(path.name for path in self._folder.glob("[!.]*") if self._moves(path.name))

    def history(self, alias: str) -> list[Promotion]:
        """Every move, the oldest first. Raises StorageError when one was changed or is lost."""
        return [self._read(alias, number) for number in range(len(self._moves(alias)))]

    def current(self, alias: str) -> Promotion | None:
        """The last move, or None when the alias was never moved."""
        count = len(self._moves(alias))
        return self._read(alias, count - 1) if count else None

    def move(
        self, alias: str, adapter: str, verdict: str, *, by: str = "", expected: str | None, look: str = ""
    ) -> Promotion:
        """Let `alias` stand for `adapter` (empty: the base model), whose files are checked first. `look` is the verdict's.

        `expected` is the adapter that it stands for now, None when it was never moved. Raises InvalidError when
        somebody else moved it meanwhile, StorageError when the adapter's files were changed.
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

        Raises InvalidError when nothing is left to undo, StorageError when the earlier adapter's files were changed.
        """
        with self._lock():
            standing = _standing(self.history(alias))
            if not standing:
                raise InvalidError(f"{alias} has nothing to roll back to", where=alias, next="trueup promote")
            before = standing[-2] if len(standing) > 1 else None
            return self._append(alias, before.adapter if before else "", before.verdict if before else "", by, ROLLBACK)

    def verify(self) -> list[str]:
        """Names each move that is not what was written, or is lost."""
        return sealed.damaged(self._folder) + [
            str(self._path(alias, number))
            for alias in self.aliases()
            for number in range(len(self._moves(alias)))
            if not self._path(alias, number).exists()
        ]

    # ------------------------------------------------------------ small print

    def _append(self, alias: str, adapter: str, verdict: str, by: str, reason: str, look: str = "") -> Promotion:
        if adapter:
            self._artifacts.folder(ADAPTERS, adapter, again=True)
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
        sealed.write(self._path(alias, len(history)), "promotion", f"{alias}/{len(history)}", move)
        return move

    def _read(self, alias: str, number: int) -> Promotion:
        path = self._path(alias, number)
        try:
            return sealed.read(path, "promotion", f"{alias}/{number}", Promotion)
        except FileNotFoundError as error:
            raise StorageError("a promotion is lost", where=str(path), next="restore it from a backup") from error

    def _moves(self, alias: str) -> range:
        """Numbers of the moves: up to the highest there, so that a gap is noticed."""
        found = [int(path.stem) for path in self._path(alias, 0).parent.glob("[0-9]*.json")]
        return range(max(found, default=-1) + 1)

    def _path(self, alias: str, number: int) -> Path:
        return self._folder / name(alias, "an alias") / f"{number:06}.json"


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
