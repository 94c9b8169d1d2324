"""Record what was held out, for ever, and how often each held-out version was looked at.

A case that once judged must never train: its split is written down on the first night and read on every later one.
Looks are counted because each look at the same cases makes the next verdict on them a little more a matter of luck. They
are counted case by case, so that a held-out set that grows by a few cases every night does not start anew each time.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from harness.errors import InvalidError, StorageError
from harness.store import sealed
from harness.store.lock import Lock
from harness.store.names import ident


class Ledger:
    def __init__(self, folder: Path, lock: Lock) -> None:
        self._splits, self._looks, self._lock = folder / "splits", folder / "looks", lock

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

    def look(self, version: str, cases: Collection[str], candidate: str) -> int:
        """Count a candidate's look at a held-out version, which holds these cases; the same candidate counts once.

        Returns the looks so far, as `looks` does.
        """
        path = self._looks / ident(version) / f"{ident(candidate)}.json"
        if not path.exists():
            sealed.write(path, "look", f"{version}/{candidate}", sorted(cases))
        return self.looks(cases)

    def looks(self, cases: Collection[str]) -> int:
        """How many candidates were held against these cases, in whatever version: as many as at least half of them saw."""
        seen: dict[str, set[str]] = {case: set() for case in cases}
        for path in self._looks.glob("*/[!.]*.json"):
            for case in sealed.read(path, "look", f"{path.parent.name}/{path.stem}", list[str]):
                if case in seen:
                    seen[case].add(path.stem)
        counts = sorted(map(len, seen.values()), reverse=True)
        return counts[(len(counts) - 1) // 2] if counts else 0

    def verify(self) -> list[str]:
        """Names each entry that is not what was written, or is lost."""
        lost = [path for path in map(self._path, range(self._nights())) if not path.exists()]
        return [*sealed.damaged(self._splits), *sealed.damaged(self._looks), *map(str, lost)]

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
