"""Append to a list of sealed, numbered files whose length is sealed too: no entry is changed or lost unseen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Generic, TypeVar

from harness.core import codec
from harness.errors import InputError, StorageError
from harness.store import sealed
from harness.store.heads import REPAIR, Heads

T = TypeVar("T")


class Entries(Generic[T]):
    """One list: a file an entry, `000000.json` and so on, each of one type. Append with the store's lock held."""

    def __init__(self, folder: Path, kind: str, type: type[T], heads: Heads, *, name: str = "") -> None:
        """`kind` and `name` say in each file which list it belongs to; the head has the name `kind` or `kind/name`."""
        self.folder, self._kind, self._type, self._heads = folder, kind, type, heads
        self._ident, self._head = f"{name}/" if name else "", f"{kind}/{name}" if name else kind

    def all(self) -> list[T]:
        """Every entry, the oldest first. Raises StorageError when an entry was changed, or the list has lost some."""
        found = self._there()
        self._heads.check(self._head, found, self.folder)
        return found

    def append(self, entry: T, after: Sequence[T]) -> None:
        """Add an entry to the list that `all` gave; durable when it returns."""
        entry = codec.decode(
            codec.encode(entry), self._type
        )  # as it will be read: an int where a float belongs is none then
        with self._heads.changing(self._head, [*after, entry]):
            self._write(len(after), entry)

    def verify(self) -> list[str]:
        """Names each entry that was changed or is lost, and the list when it has lost others."""
        damaged = sealed.damaged(self.folder) if self.folder.exists() else []
        try:
            lost = (self._path(number) for number in range(self._heads.count(self._head)))
            damaged += [str(path) for path in lost if not path.exists()]
            self.all()
        except StorageError as error:
            damaged += [] if damaged else [error.where]
        return damaged

    def accept(self) -> list[str]:
        """Set aside what was changed, number what is left anew and seal it; says what was lost."""
        lost = self.verify()
        if lost:
            left = []
            for number in sorted(self._numbers()):
                try:
                    left.append(self._read(number))
                except StorageError:
                    sealed.set_aside(self._path(number))
            for number, entry in enumerate(left):
                self._write(number, entry)
            for number in self._numbers():
                if number >= len(left):
                    self._path(number).unlink()
            self._heads.accept(self._head, left)
        return lost

    # ------------------------------------------------------------ small print

    def _there(self) -> list[T]:
        return [self._read(number) for number in sorted(self._numbers())]

    def _numbers(self) -> list[int]:
        return [int(path.stem) for path in self.folder.glob("[0-9]*.json") if path.stem.isdigit()]

    def _write(self, number: int, entry: T) -> None:
        sealed.write(self._path(number), self._kind, f"{self._ident}{number}", entry)

    def _read(self, number: int) -> T:
        path = self._path(number)
        try:
            return sealed.read(path, self._kind, f"{self._ident}{number}", self._type)
        except (FileNotFoundError, StorageError, InputError) as error:
            raise StorageError("an entry was changed or is lost", where=str(path), next=REPAIR) from error

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06}.json"
