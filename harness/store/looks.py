"""Count how often the same eval cases were looked at: each look makes the next verdict on them more a matter of luck.

A look is what was judged of a suite: the candidate with all replies and scores. Judging the very same again is no new one.
Cases are known by what they ask, so neither a new name of the suite nor new ids start the count again; cases that were
never asked before do. Each look is one numbered file that names the one before it: a look that is deleted is missed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import ceil
from pathlib import Path

from msgspec.structs import replace

from harness.core.codec import digest
from harness.errors import InvalidError, StorageError
from harness.store import sealed
from harness.store.heads import Heads
from harness.store.lock import Lock
from harness.types import Noun

KIND = "look"
REPAIR = (
    "restore the folder from a backup: how often the cases were looked at decides how sure one must be; "
    "without one, trueup doctor --repair"
)
SEEN = 0.1
"""Share of a suite's cases that make a look one at the suite: fewer old cases among fresh ones do not count."""


class Sight(Noun, frozen=True):
    """One suite as it was judged."""

    judged: str
    """Content id of the candidate, the replies and the scores."""
    cases: tuple[str, ...]
    """Content ids of what the cases ask."""
    number: int = 0
    """Of this look at the cases, 1 for the first; 0 before it is counted."""


class Look(Noun, frozen=True):
    """What was judged at one time and never before."""

    sights: dict[str, Sight]
    """By suite."""
    previous: str = ""
    """Content id of the look before; empty for the first."""


class Looks:
    def __init__(self, folder: Path, lock: Lock, heads: Heads) -> None:
        self._folder, self._lock, self._heads = folder, lock, heads

    def count(self, sights: Mapping[str, Sight]) -> tuple[dict[str, int], str]:
        """Count what is judged now. Returns suite to the number of its look, and the content id of the newest of these
        looks (empty without a suite). Raises InvalidError when looks are missing."""
        with self._lock():
            known = self.all()
            numbers = {name: _recorded(sight, known) for name, sight in sights.items()}
            fresh = {
                name: replace(sight, number=1 + _most(sight.cases, known))
                for name, sight in sights.items()
                if not numbers[name]
            }
            if fresh:
                look = Look(sights=fresh, previous=digest(known[-1]) if known else "")
                with self._heads.changing(KIND, [*known, look]):
                    sealed.write(self._path(len(known)), KIND, str(len(known)), look)
                known = [*known, look]
            numbers |= {name: sight.number for name, sight in fresh.items()}
            return numbers, _newest(sights.values(), known)

    def next_number(self, cases: Collection[str]) -> int:
        """The number that a look at these cases would have now."""
        return 1 + _most(cases, self.all())

    def knows(self, look: str) -> bool:
        """Whether the look of that content id is among those there."""
        return look in self.ids()

    def ids(self) -> set[str]:
        """Content ids of the looks that are there."""
        return {digest(one) for one in self._whole()[0]}

    def all(self) -> list[Look]:
        """Every look, the oldest first. Raises InvalidError when one is missing or is not the one that was counted."""
        found, missing = self._whole()
        if missing is not None:
            raise InvalidError("a look at eval cases is missing from the ledger", where=str(missing), next=REPAIR)
        return found

    def _whole(self) -> tuple[list[Look], Path | None]:
        """The looks up to the first that is missing or was changed, and where that is."""
        count = max((int(path.stem) for path in self._folder.glob("[0-9]*.json")), default=-1) + 1
        found: list[Look] = []
        for number in range(count):
            try:
                look = sealed.read(self._path(number), KIND, str(number), Look)
            except (FileNotFoundError, StorageError):
                look = None
            if look is None or look.previous != (digest(found[-1]) if found else ""):
                return found, self._path(number)
            found.append(look)
        return found, None

    def accept(self) -> list[str]:
        """Go on with the looks before the first that is missing; says what was lost."""
        lost = self.verify()
        if lost:
            found, _ = self._whole()
            for path in self._folder.glob("[0-9]*.json"):
                if int(path.stem) >= len(found):
                    sealed.set_aside(path)
            self._heads.accept(KIND, found)
        return lost

    def verify(self) -> list[str]:
        """Names the first look that is not what was written, or is lost, the last one too."""
        found, missing = self._whole()
        try:
            if missing is None and not self._heads.holds(KIND, found):
                missing = self._path(len(found))
        except StorageError as error:
            return [error.where]
        return [str(missing)] if missing else []

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06}.json"


def _recorded(sight: Sight, known: Sequence[Look]) -> int:
    """The number that the very same judgement had; 0 when it is new."""
    return next((old.number for look in known for old in look.sights.values() if old.judged == sight.judged), 0)


def _most(cases: Collection[str], known: Sequence[Look]) -> int:
    """Looks that a tenth of the cases, and at least one case, have behind them."""
    seen = dict.fromkeys(cases, 0)
    for look in known:
        for case in {case for sight in look.sights.values() for case in sight.cases} & seen.keys():
            seen[case] += 1
    counts = sorted(seen.values(), reverse=True)
    return counts[ceil(SEEN * len(counts)) - 1] if counts else 0


def _newest(sights: Iterable[Sight], known: Sequence[Look]) -> str:
    judged = {sight.judged for sight in sights}
    holding = [look for look in known if any(one.judged in judged for one in look.sights.values())]
    return digest(holding[-1]) if holding else ""
