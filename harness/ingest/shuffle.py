"""Group a stream of pieces by key in bounded memory: a hash-partitioned spool, on disk when it is large.

The join of spans with their log records needs all of one trace together, from files in any order. Pieces are dealt by
hash of their key into partitions; above a limit of bytes all are written out, and later read back one partition at a
time. So memory is the limit plus one partition, whatever the export's size (the partitioning of a Grace hash join:
Kitsuregawa, Tanaka and Moto-oka 1983). With a folder, several processes fill a spool each, and any of them can then read
a partition of all.
"""

import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

PARTITIONS = 64
MEMORY = 96 * 2**20
_HEAD = struct.Struct("<II")


class Spool:
    """Add pieces, then read the groups once. Use as a context manager: it removes its files, unless they have a folder."""

    def __init__(
        self, memory: int = MEMORY, partitions: int = PARTITIONS, folder: Path | None = None, name: str = ""
    ) -> None:
        """`name` tells the files of this spool in `folder` from those of others."""
        self._held: list[list[tuple[bytes, bytes]]] = [[] for _ in range(partitions)]
        self._files: list[IO[bytes]] = []
        self._memory, self._bytes = memory, 0
        self._folder, self._name = folder, name

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def add(self, key: str, piece: bytes) -> None:
        name = key.encode("utf-8", "replace")
        self._held[zlib.crc32(name) % len(self._held)].append((name, piece))
        self._bytes += len(piece) + len(name) + 150  # 150: what Python itself needs for the pair
        if self._bytes > self._memory:
            self.flush()

    def groups(self) -> Iterator[tuple[str, list[bytes]]]:
        """Each key with its pieces in the order they were added; keys of one partition in the order they came."""
        for number, held in enumerate(self._held):
            yield from _grouped((*self._written(number), *held))
            held.clear()

    @staticmethod
    def read(folder: Path, partition: int) -> Iterator[tuple[str, list[bytes]]]:
        """Each key of one partition with its pieces, from all spools that were flushed into a folder."""
        paths = sorted(folder.glob(f"*.{partition}"))
        yield from _grouped(pair for path in paths for pair in _from(path))

    def flush(self) -> None:
        """Write out what is held."""
        if not self._files:
            self._files = [self._open(number) for number in range(len(self._held))]
        for file, held in zip(self._files, self._held, strict=True):
            file.write(b"".join(_HEAD.pack(len(name), len(piece)) + name + piece for name, piece in held))
            held.clear()
        self._bytes = 0

    def _open(self, number: int) -> IO[bytes]:
        if self._folder:
            return open(self._folder / f"{self._name}.{number}", "w+b")
        return tempfile.TemporaryFile(prefix="trueup-")

    def _written(self, number: int) -> Iterator[tuple[bytes, bytes]]:
        if self._files:
            self._files[number].seek(0)
            yield from _pairs(self._files[number])


def _from(path: Path) -> Iterator[tuple[bytes, bytes]]:
    with path.open("rb") as file:
        yield from _pairs(file)


def _pairs(file: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    while head := file.read(_HEAD.size):
        name, piece = _HEAD.unpack(head)
        yield file.read(name), file.read(piece)


def _grouped(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[str, list[bytes]]]:
    grouped: dict[bytes, list[bytes]] = {}
    for name, piece in pairs:
        grouped.setdefault(name, []).append(piece)
    for name, found in grouped.items():
        yield name.decode(), found
