"""Group a stream of pieces by key in bounded memory: a hash-partitioned spool, on disk when it is large.

The join of spans with their log records needs all of one trace together, from files in any order. Pieces are dealt by
hash of their key into partitions; above a limit of bytes all are written out, and later read back one partition at a
time. So memory is the limit plus one partition, whatever the export's size (the partitioning of a Grace hash join:
Kitsuregawa, Tanaka and Moto-oka 1983).
"""

import struct
import tempfile
import zlib
from collections.abc import Iterator
from typing import IO

PARTITIONS = 64
MEMORY = 96 * 2**20
_HEAD = struct.Struct("<II")


class Spool:
    """Add pieces, then read the groups once. Use as a context manager: it removes its files."""

    def __init__(self, memory: int = MEMORY, partitions: int = PARTITIONS) -> None:
        self._held: list[list[tuple[bytes, bytes]]] = [[] for _ in range(partitions)]
        self._files: list[IO[bytes]] = []
        self._memory, self._bytes = memory, 0

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
            self._spill()

    def groups(self) -> Iterator[tuple[str, list[bytes]]]:
        """Each key with its pieces in the order they were added; keys of one partition in the order they came."""
        for number, held in enumerate(self._held):
            grouped: dict[bytes, list[bytes]] = {}
            for name, piece in (*self._written(number), *held):
                grouped.setdefault(name, []).append(piece)
            held.clear()
            for name, found in grouped.items():
                yield name.decode(), found

    def _spill(self) -> None:
        if not self._files:
            self._files = [tempfile.TemporaryFile(prefix="trueup-") for _ in self._held]  # noqa: SIM115
        for file, held in zip(self._files, self._held, strict=True):
            file.write(b"".join(_HEAD.pack(len(name), len(piece)) + name + piece for name, piece in held))
            held.clear()
        self._bytes = 0

    def _written(self, number: int) -> Iterator[tuple[bytes, bytes]]:
        if not self._files:
            return
        file = self._files[number]
        file.seek(0)
        while head := file.read(_HEAD.size):
            name, piece = _HEAD.unpack(head)
            yield file.read(name), file.read(piece)
