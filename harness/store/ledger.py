"""Keep what was held out, for ever, and how often cases were looked at (`harness.store.looks`).

A case that once judged must never train: its split is written down on the first night and read on every later one.
"""

from collections.abc import Mapping
from pathlib import Path

from harness.errors import InvalidError, StorageError
from harness.store import sealed
from harness.store.lock import Lock
from harness.store.looks import Looks


class Ledger:
    def __init__(self, folder: Path, lock: Lock) -> None:
        self._splits, self._lock = folder / "splits", lock
        self.looks = Looks(folder / "looks", lock)

    def splits(self) -> dict[str, str]:
        """Case key -> split, of every night so far. Raises StorageError when an entry was changed or is lost."""
        return {key: split for number in range(self._nights()) for key, split in self._read(number).items()}

    def add(self, mapping: Mapping[str, str]) -> None:
        """Write down the splits of new keys, all or none.

        Raises InvalidError when a known key would change its split; what judges never trains, and the reverse.
        """
        with self._lock():
            known = self.splits()
            for key, split in mapping.items():
                if known.get(key, split) != split:
                    raise InvalidError(
                        f"a case of the {known[key]} set would move to {split}",
                        where=key,
                        next="pass the ledger's splits to curation; they are kept for ever",
                    )
            fresh = {key: split for key, split in mapping.items() if key not in known}
            if fresh:
                number = self._nights()
                sealed.write(self._path(number), "splits", str(number), fresh)

    def verify(self) -> list[str]:
        """Names each entry that is not what was written, or is lost."""
        lost = [path for path in map(self._path, range(self._nights())) if not path.exists()]
        return [*sealed.damaged(self._splits), *self.looks.verify(), *map(str, lost)]

    # ------------------------------------------------------------ small print

    def _nights(self) -> int:
        """One more than the highest entry there, so that a gap is noticed."""
        return max((int(path.stem) for path in self._splits.glob("[0-9]*.json")), default=-1) + 1

    def _read(self, number: int) -> dict[str, str]:
        path = self._path(number)
        try:
            return sealed.read(path, "splits", str(number), dict[str, str])
        except FileNotFoundError as error:
            raise StorageError(
                "an entry of the ledger is lost", where=str(path), next="restore it from a backup"
            ) from error

    def _path(self, number: int) -> Path:
        return self._splits / f"{number:06}.json"
