"""Say where files of the store may come from that are not in its folder: from nowhere, or from a bucket."""

from collections.abc import Iterator
from pathlib import Path


class Source:
    """Nowhere: the store is its folder. `harness.store.remote.copy` is the other one."""

    address = ""
    """Of the bucket; empty where the store is a folder."""

    def refresh(self) -> None:
        """Make the folder what the bucket says. Hold the folder's lock."""

    def bring(self, path: Path) -> None:
        """Make a file be there, if it is part of the store."""

    def bring_folder(self, place: Path) -> None:
        """Make a whole folder be there, if it is part of the store."""

    def bring_small(self, folder: Path) -> None:
        """Make the small files of a folder be there: whoever lists them reads them next, and one by one takes long."""

    def has(self, path: Path) -> bool:
        """Whether a file that may not be here is part of the store."""
        return False

    def below(self, folder: Path) -> Iterator[tuple[Path, int]]:
        """The files below a folder that are part of the store, here or not, each with when it was written (Unix
        nanoseconds, 0 where that is not known)."""
        return iter(())

    def drop(self, path: Path) -> None:
        """Take a file out of the store that may not be here."""
