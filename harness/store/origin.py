"""Say where files of the store may come from that are not in its folder: from nowhere, or from a bucket."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Known(NamedTuple):
    """A file that is part of the store, here or not."""

    path: Path
    at_ns: int
    """When it was written, in Unix nanoseconds; 0 where that is not known."""
    size: int
    """In bytes."""


class Origin:
    """Nowhere: the store is its folder. `harness.store.remote.copy` is the other one."""

    address = ""
    """Of the bucket; empty where the store is a folder."""
    id = ""
    """Of the store in the bucket."""

    def refresh(self) -> None:
        """Make the folder what the bucket says. Hold the folder's lock."""

    def forsake(self) -> None:
        """Leave nothing in a folder that was empty before: it was opened with an address that is not meant. Hold its lock."""

    def bring(self, path: Path) -> None:
        """Make a file be there, if it is part of the store."""

    def bring_folder(self, place: Path) -> None:
        """Make a whole folder be there, if it is part of the store."""

    def bring_small(self, folder: Path) -> None:
        """Make the small files of a folder be there: whoever lists them reads them next, and one by one takes long."""

    def has(self, path: Path) -> bool:
        """Whether a file that may not be here is part of the store."""
        return False

    def below(self, folder: Path) -> Iterator[Known]:
        """The files below a folder that the bucket has."""
        return iter(())

    def read(self, path: Path) -> bytes:
        """The bytes of a file that may not be here, without bringing it. Raises FileNotFoundError where there is none."""
        return path.read_bytes()

    def bring_all(self) -> None:
        """Make every file of the store be there."""

    def damaged(self) -> list[str]:
        """Read every object again that the store needs, and name those that are lost or not what was written."""
        return []

    def orphans(self) -> list[tuple[str, int]]:
        """Key and size of objects that no state needs, such as those of a killed upload. Hold the store's lock."""
        return []

    def remove_orphans(self) -> None:
        """Remove these."""

    def drop(self, path: Path) -> None:
        """Take a file out of the store that may not be here."""
