"""Find the files to read from paths, folders, globs, `-` and addresses, and open them."""

import glob
import gzip
import hashlib
import io
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, NamedTuple

import zstandard

from harness.errors import InputError
from harness.sections import IngestLimits

STDIN = "-"
MIB = 2**20
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

REMOTE = "check address, rights and credentials; for s3://, pip install s3fs, for gs://, gcsfs"

BLOCK = 512
"""Bytes of one `st_blocks`."""

HEAD = 4096
"""Bytes that tell what a file is."""


class File(NamedTuple):
    path: str
    """As shown to people."""
    size: int
    """Bytes on disk; 0 when unknown."""
    name: bytes = b""
    """The name on disk, where it is no UTF-8 text."""


class NothingToReadError(InputError):
    """No file is where exports are looked for."""


class UnreadableFile(OSError):
    """A file that is not to be read, or not to its end."""


def find(paths: Sequence[str]) -> list[File]:
    """The files of an export, in a stable order: folders are walked, globs expanded, hidden files left out.

    Raises InputError for a path that does not exist and when nothing is there to read.
    """
    found = {file.path: file for path in paths for file in _expand(os.fspath(path))}
    if not found:
        raise NothingToReadError(
            "no file to read", where=", ".join(map(str, paths)) or "no path was given", next="trueup ingest PATH…"
        )
    return list(found.values())


def _expand(path: str) -> Iterator[File]:
    if path == STDIN:
        yield File(STDIN, 0)
    elif "://" in path:
        yield from _remote(path)
    elif os.path.isdir(path):
        yield from _walked(path)
    elif os.path.lexists(path):
        yield _file(path)
    else:
        matches = sorted(glob.glob(path, recursive=True))
        if not matches:
            raise InputError(
                "there is no such file or folder", where=_shown(path), next="check the path; globs are fine"
            )
        for match in matches:
            yield from _expand(match)


def _walked(path: str) -> Iterator[File]:
    """The files below a folder; a folder that cannot be listed is given too, so that whoever opens it says why."""
    closed: list[OSError] = []
    for folder, inner, names in os.walk(path, onerror=closed.append):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        visible = sorted(name for name in names if not name.startswith("."))
        yield from (_file(os.path.join(folder, name)) for name in visible)
    yield from (_file(error.filename) for error in closed)


def _file(path: str) -> File:
    """A file, also one that is gone or cannot be looked at: its size is 0 then."""
    try:
        size = os.stat(path).st_size
    except OSError:
        size = 0
    shown = _shown(path)
    return File(shown, size, b"" if shown == path else os.fsencode(path))


def _shown(path: str) -> str:
    """A path as text that can be written anywhere."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _remote(address: str) -> Iterator[File]:
    import fsspec  # takes 0.1 s to import and is needed for addresses only

    try:
        system, path = fsspec.core.url_to_fs(address)
        names = system.glob(path) if glob.has_magic(path) else system.find(path)
        for name in sorted(names):
            if not name.endswith("/") and "/." not in name.removeprefix(path):  # what stands for a folder; hidden ones
                yield File(system.unstrip_protocol(name), int(system.info(name).get("size") or 0))
    except Exception as error:  # each file system has errors of its own
        raise InputError(f"cannot read the address: {_said(error)}", where=address, next=REMOTE) from error


def _download(address: str, copy: BinaryIO) -> None:
    import fsspec  # see `_remote`

    try:
        with fsspec.open(address, "rb") as stream:
            shutil.copyfileobj(stream, copy, 2**20)
    except OSError:
        raise
    except Exception as error:
        raise OSError(_said(error)) from error


def _said(error: Exception) -> str:
    return str(error).split("\n", 1)[0] or type(error).__name__


@contextmanager
def raw(file: File) -> Iterator[BinaryIO]:
    """The bytes as stored, seekable. Standard input and what has an address are copied to a temporary file first: they
    are read twice, and a connection that breaks must not pass for a damaged file."""
    if file.path == STDIN or "://" in file.path:
        with tempfile.TemporaryFile(prefix="trueup-") as copy:
            if file.path == STDIN:
                shutil.copyfileobj(sys.stdin.buffer, copy)
            else:
                _download(file.path, copy)
            copy.seek(0)
            yield copy
    else:
        with open(_regular(file.name or file.path), "rb") as stream:
            yield stream


_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def _regular(path: str | bytes) -> int:
    """A descriptor of a file that has an end. Raises UnreadableFile for pipes, devices and the like: these are never waited for."""
    _check_regular(os.stat(path))  # first: even to open a device may do something
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        _check_regular(os.fstat(handle))
    except BaseException:
        os.close(handle)
        raise
    return handle


def _check_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for test, name in _KINDS if test(found.st_mode)), "no regular file")
        raise UnreadableFile(f"{kind}, and only files are read; pipe it into `trueup ingest -`")


def check_size(stream: BinaryIO, limits: IngestLimits) -> None:
    """Raises UnreadableFile for a sparse file: one that says to be far larger than what the disk holds of it."""
    found = os.fstat(stream.fileno())
    if found.st_size <= limits.unpacked_mib * MIB + limits.unpacked_ratio * BLOCK * found.st_blocks:
        return
    if found.st_blocks or not any(stream.read(HEAD)):  # some network disks do not count blocks
        raise UnreadableFile(f"a sparse file that is more than {limits.unpacked_ratio} times its size on disk")
    stream.seek(0)


def digest(stream: BinaryIO) -> str:
    """sha256 of a stream's bytes; leaves it at its start."""
    found = hashlib.sha256()
    while piece := stream.read(2**20):
        found.update(piece)
    stream.seek(0)
    return found.hexdigest()


def head(stream: Any) -> bytes:
    """The first four bytes, left where they are."""
    if hasattr(stream, "peek"):
        return bytes(stream.peek(4)[:4])
    found = bytes(stream.read(4))
    stream.seek(0)
    return found


def unpacked(stream: IO[bytes], limits: IngestLimits) -> IO[bytes]:
    """The stream, decompressed when its first bytes say so: gzip, or zstd with any number of frames."""
    magic = head(stream)
    if magic[:2] == GZIP:
        return io.BufferedReader(UnpackGuard(gzip.GzipFile(fileobj=stream), stream, limits), 2**18)
    if magic == ZSTD:
        return io.BufferedReader(UnpackGuard(Zstd(stream), stream, limits), 2**18)
    return stream


class Zstd:
    """Reads frames of zstd, one after the other. Raises EOFError where the last one is cut, which the library's own reader
    does not tell."""

    FED = 2**12
    """Bytes that are decompressed at a time: few, since they may unpack to some ten thousand times as much."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._ready, self._rest = stream, memoryview(b""), b""
        self._frame: Any = None

    def read(self, size: int) -> bytes:
        while not self._ready and (piece := self._rest or self._stream.read(self.FED)):
            self._frame = self._frame or zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj()
            self._ready, self._rest = memoryview(self._frame.decompress(piece)), b""
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, None
        if not self._ready and self._frame is not None:
            raise EOFError("the file ends before its last frame does")
        taken, self._ready = self._ready[:size], self._ready[size:]
        return bytes(taken)


class UnpackGuard(io.RawIOBase):
    """A decompressing reader that stops at a bomb, by what came out for what went in."""

    def __init__(self, inner: Any, outer: Any, limits: IngestLimits, out: int = 0) -> None:
        """`out`: bytes that came out of the same file before."""
        self._inner, self._outer, self._limits, self.out = inner, outer, limits, out

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.out

    def readinto(self, buffer: Any) -> int:
        piece = self._inner.read(len(buffer))
        buffer[: len(piece)] = piece
        self.out += len(piece)
        ratio = self._limits.unpacked_ratio
        if self.out > self._limits.unpacked_mib * MIB + ratio * self._outer.tell():
            raise UnreadableFile(f"unpacks to more than {ratio} times its size")
        return len(piece)
