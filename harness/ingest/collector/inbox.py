"""Keep acknowledged requests on the disk until they are ingested.

A receiver only ever appends to a segment of its own, and syncs it before it answers; it takes neither the store's lock nor
the table. So it never stands in the way of a nightly run, nor a run in its. A segment belongs to its writer as long as the
writer holds the kernel's lock on it; the lock dies with the process, and what is closed may be taken by whoever holds the
store's lock.

Spans of one trace arrive in several requests, and its log records in others. So while a receiver runs, a trace is taken
only when nothing of it came for `SETTLE_S`; without one nothing more can come, and all is taken.
"""

import fcntl
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from harness.core.codec import sync_folder
from harness.errors import StorageError
from harness.ingest.collector import traces
from harness.store import durable

SUFFIX = ".otlp.jsonl"
SETTLE_S = 30.0
SEGMENT_S, SEGMENT_BYTES = 15.0, 64 << 20
"""A segment is closed after this time or size."""
LARGEST = 2 << 30
"""Bytes that may wait; above it nothing is taken in until `trueup ingest` was run."""

_numbers = itertools.count()


class Writer:
    """Appends lines durably. One a receiver; not for several threads at once."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._handle, self._size, self._since = durable.make_folder(folder), -1, 0, 0.0

    def append(self, line: bytes) -> None:
        """One line, on the disk when it returns. Raises StorageError when it cannot be kept; then it is not there."""
        self.rotate()
        if waiting(self._folder) + len(line) > LARGEST:
            raise StorageError("the inbox is full", where=str(self._folder), next="trueup ingest")
        with durable.writing(self._folder):
            if self._handle < 0:
                self._open()
            self._write(line + b"\n")

    def rotate(self) -> None:
        """Close the segment when it is due, so that it may be taken."""
        if self._size and (self._size >= SEGMENT_BYTES or time.monotonic() - self._since >= SEGMENT_S):
            self.close()

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self._size = -1, 0

    def _open(self) -> None:
        name = f"{time.time_ns()}-{os.getpid()}-{next(_numbers)}{SUFFIX}"
        hidden = self._folder / f".{name}"
        self._handle = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        hidden.rename(self._folder / name)  # seen only once it is locked
        sync_folder(self._folder)
        self._since = time.monotonic()

    def _write(self, line: bytes) -> None:
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            os.fsync(self._handle)
            self._size += len(line)
        except OSError:
            self._undo()
            raise

    def _undo(self) -> None:
        """Take a half-written line back; the segment is left behind, since its state on the disk is not certain."""
        with suppress(OSError):
            os.ftruncate(self._handle, self._size)
        self.close()


def waiting(folder: Path) -> int:
    """Bytes in the inbox."""
    total = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                total += entry.stat(follow_symlinks=False).st_size
    return total


def since(folder: Path) -> int:
    """When the oldest segment in the inbox was begun, in Unix nanoseconds; 0 when there is none."""
    begun = (path.name.split("-")[0] for path in folder.glob(f"[!.]*{SUFFIX}"))
    return min((int(number) for number in begun if number.isdigit()), default=0)


def closed(folder: Path) -> list[str]:
    """Paths of what no receiver writes to, to be looked at: nothing is taken."""
    return [str(path) for path in _segments(folder)[0]]


@contextmanager
def taken(folder: Path, settle_s: float = SETTLE_S, wanted: bool = True) -> Iterator[list[str]]:
    """Paths of what may be ingested now, if it is `wanted`; removed when the block ends well. Hold the store's lock.

    After a crash inside, the same records come again; the table keeps each once.
    """
    done, live = _segments(folder) if wanted else ([], [])
    ripe = done
    if live:
        now = time.time()
        # A segment of the future was written before the clock was set back: it must not wait until that time comes again.
        ripe = [path for path in done if not now - settle_s <= path.stat().st_mtime <= now]
        young = {trace for path in {*done, *live} - {*ripe} for record in _records(path) for trace in traces.of(record)}
        ripe = [kept for path in ripe if (kept := _without(path, young))]
    yield [str(path) for path in ripe]
    with durable.writing(folder):
        for path in ripe:
            path.unlink(missing_ok=True)


def _segments(folder: Path) -> tuple[list[Path], list[Path]]:
    """Segments that are closed, and those that a receiver writes to."""
    done, live = list[Path](), list[Path]()
    for path in sorted(folder.glob(f"[!.]*{SUFFIX}")):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            done.append(path)
        except BlockingIOError:
            live.append(path)
        finally:
            os.close(handle)
    for path in folder.glob(f".*{SUFFIX}"):  # of a writer that was killed before its first line
        if time.time() - path.stat().st_mtime > 60:
            path.unlink(missing_ok=True)
    return done, live


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Whole lines; a torn last one was never acknowledged."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield msgspec.json.decode(line)


def _without(path: Path, young: set[str]) -> Path | None:
    """The segment without what belongs to traces that are still going on; that stays, in a segment of its own."""
    now, later = list[Any](), list[Any]()
    for record in _records(path):
        now += traces.some(record, lambda trace: trace not in young)
        later += traces.some(record, lambda trace: trace in young)
    if not later:
        return path
    at = path.stat().st_mtime
    kept = [
        _whole(path.with_name(f"{path.name.removesuffix(SUFFIX)}-{part}{SUFFIX}"), records, at)
        for part, records in (("later", later), ("now", now))
        if records
    ]
    path.unlink()
    return kept[1] if now else None


def _whole(path: Path, records: list[Any], at: float) -> Path:
    hidden = path.with_name(f".{path.name}")
    with durable.writing(path):
        hidden.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
        hidden.chmod(0o600)
        os.utime(hidden, (at, at))
        durable.sync_file(hidden)
        hidden.rename(path)
        sync_folder(path.parent)
    return path
