"""Seal the length of the lists that must never lose their end: the ledger, the promotions, what was forgotten.

One sealed file, `heads.json`, holds of each list how many entries it has and a chained digest of them. It is written twice
around each change: first with the state that the list is about to have, then, once the entry is durable, with that
state alone. So a killed writer leaves one of two known states, and any other one has lost something.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path

from harness.core import codec
from harness.errors import StorageError
from harness.store import sealed
from harness.types import Noun

FILE = "heads.json"
REPAIR = "restore it from a backup; without one, `trueup doctor --repair` continues with what is left"


class Head(Noun, frozen=True):
    """The state of a list."""

    count: int = 0
    chain: str = ""
    """Digest of the entry before and this one, over all entries; empty for an empty list."""


class Sealed(Noun, frozen=True):
    """What one list may be."""

    now: Head = Head()
    next: Head | None = None
    """The state that a writer was about to make, when it was killed."""


class Heads:
    """Change a list only with the store's lock held."""

    def __init__(self, root: Path) -> None:
        self.path = root / FILE

    def make(self) -> None:
        """Seal an empty store, where nothing is sealed yet."""
        if not self.path.exists():
            self._write({})

    def names(self, prefix: str) -> list[str]:
        """Lists that have entries, and whose name starts so."""
        return [name for name, held in self._read().items() if name.startswith(prefix) and held.now.count]

    def count(self, name: str) -> int:
        """Entries that a list was sealed with. Raises StorageError when the seal is lost or changed."""
        return self._read().get(name, Sealed()).now.count

    def holds(self, name: str, entries: Iterable[object]) -> bool:
        """Whether the entries are those that were sealed under this name."""
        known = self._read().get(name, Sealed())
        return head_of(entries) in (known.now, known.next)

    def check(self, name: str, entries: Iterable[object], where: Path) -> None:
        """Raises StorageError when the entries are not those that were sealed under this name."""
        known, head = self._read().get(name, Sealed()), head_of(entries)
        if head not in (known.now, known.next):
            wanted = known.now.count
            what = (
                f"{wanted} entries were written, {head.count} are there" if wanted != head.count else "not as written"
            )
            raise StorageError(f"the list has lost something: {what}", where=str(where), next=REPAIR)

    @contextmanager
    def changing(self, name: str, entries: Iterable[object]) -> Iterator[None]:
        """Write the list inside the block; `entries` is what it then holds. Check the list first."""
        known, after = self._read(), head_of(entries)
        before = known.get(name, Sealed())
        self._write({**known, name: Sealed(before.now, after)})
        yield
        self._write({**known, name: Sealed(after)})

    def accept(self, name: str, entries: Iterable[object]) -> None:
        """Seal what is there, whatever it was."""
        self._write({**(self._read() if self._is_intact() else {}), name: Sealed(head_of(entries))})

    def verify(self) -> list[str]:
        return [] if self._is_intact() else [str(self.path)]

    # ------------------------------------------------------------ small print

    def _is_intact(self) -> bool:
        return sealed.intact(self.path, "heads", "all")

    def _read(self) -> dict[str, Sealed]:
        try:
            return sealed.read(self.path, "heads", "all", dict[str, Sealed])
        except (FileNotFoundError, StorageError) as error:
            raise StorageError("the seal of the lists is lost or changed", where=str(self.path), next=REPAIR) from error

    def _write(self, heads: dict[str, Sealed]) -> None:
        sealed.write(self.path, "heads", "all", heads)


def head_of(entries: Iterable[object]) -> Head:
    """The state of a list with these entries, in this order."""
    return reduce(lambda head, entry: Head(head.count + 1, codec.digest([head.chain, entry])), entries, Head())
