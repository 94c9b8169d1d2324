"""Keep what was held out, for ever, and how often cases were looked at (`harness.store.looks`).

A case that once judged must never train: its split is written down on the first night and read on every later one.
"""

from collections.abc import Mapping
from pathlib import Path

from harness.errors import InvalidError
from harness.store.entries import Entries
from harness.store.heads import Heads
from harness.store.lock import Lock
from harness.store.looks import Looks


class Ledger:
    def __init__(self, folder: Path, lock: Lock, heads: Heads) -> None:
        self._splits, self._lock = Entries(folder / "splits", "splits", dict[str, str], heads), lock
        self.looks = Looks(folder / "looks", lock, heads)

    def splits(self) -> dict[str, str]:
        """Case key -> split, of every night so far. Raises StorageError when an entry was changed or is lost."""
        return {key: split for night in self._splits.all() for key, split in night.items()}

    def add(self, mapping: Mapping[str, str]) -> None:
        """Write down the splits of new keys, all or none.

        Raises InvalidError when a known key would change its split; what judges never trains, and the reverse.
        """
        with self._lock():
            nights = self._splits.all()
            known = {key: split for night in nights for key, split in night.items()}
            for key, split in mapping.items():
                if known.get(key, split) != split:
                    raise InvalidError(
                        f"a case of the {known[key]} set would move to {split}",
                        where=key,
                        next="pass the ledger's splits to curation; they are kept permanently",
                    )
            fresh = {key: split for key, split in mapping.items() if key not in known}
            if fresh:
                self._splits.append(fresh, nights)

    def verify(self) -> list[str]:
        """Names each entry that is not what was written, and each list that has lost some."""
        return [*self._splits.verify(), *self.looks.verify()]

    def accept(self) -> list[str]:
        """Go on with what is left; says what was lost."""
        return [*self._splits.accept(), *self.looks.accept()]
