"""Find the files to read from paths, folders, globs, `-` and addresses, and open them."""

import glob
import gzip
import hashlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, NamedTuple

import zstandard

from harness.errors import InputError

STDIN = "-"
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

REMOTE = "check address, rights and credentials; for s3://, pip install s3fs, for gs://, gcsfs"

FREE_BYTES = 256 * 2**20
LARGEST_RATIO = 400
"""A compressed file may unpack to `FREE_BYTES`, and beyond that to this many times its own size."""


class File(NamedTuple):
    path: str
    """As shown to people."""
    size: int
    """Bytes on disk; 0 when unknown."""


class UnpackedTooLarge(ValueError):
    """A compressed file that unpacks to far more than any trace does."""


def find(paths: Sequence[str]) -> list[File]:
    """The files of an export, in a stable order: folders are walked, globs expanded, hidden files left out.

    Raises InputError for a path that does not exist and when nothing is there to read.
    """
    found = {file.path: file for path in paths for file in _expand(os.fspath(path))}
    if not found:
        raise InputError(
            "no file to read", where=", ".join(map(str, paths)) or "no path was given", next="trueup ingest PATH…"
        )
    return list(found.values())


def _expand(path: str) -> Iterator[File]:
    if path == STDIN:
        yield File(STDIN, 0)
    elif "://" in path:
        yield from _remote(path)
    elif os.path.isdir(path):
        for folder, inner, names in os.walk(path):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            visible = sorted(name for name in names if not name.startswith("."))
            yield from (_file(os.path.join(folder, name)) for name in visible)
    elif os.path.exists(path):
        yield _file(path)
    else:
        matches = sorted(glob.glob(path, recursive=True))
        if not matches:
            raise InputError("there is no such file or folder", where=path, next="check the path; globs are fine")
        for match in matches:
            yield from _expand(match)


def _file(path: str) -> File:
    return File(path, os.path.getsize(path))


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
        with open(file.path, "rb") as stream:
            yield stream


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


def unpacked(stream: IO[bytes]) -> IO[bytes]:
    """The stream, decompressed when its first bytes say so: gzip, or zstd with any number of frames."""
    magic = head(stream)
    if magic[:2] == GZIP:
        return io.BufferedReader(UnpackGuard(gzip.GzipFile(fileobj=stream), stream), 2**18)
    if magic == ZSTD:
        reader = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(stream, read_across_frames=True)
        return io.BufferedReader(UnpackGuard(reader, stream), 2**18)
    return stream


class UnpackGuard(io.RawIOBase):
    """A decompressing reader that stops at a bomb, by what came out for what went in."""

    def __init__(self, inner: Any, outer: Any, out: int = 0) -> None:
        """`out`: bytes that came out of the same file before."""
        self._inner, self._outer, self.out = inner, outer, out

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.out

    def readinto(self, buffer: Any) -> int:
        piece = self._inner.read(len(buffer))
        buffer[: len(piece)] = piece
        self.out += len(piece)
        if self.out > FREE_BYTES + LARGEST_RATIO * self._outer.tell():
            raise UnpackedTooLarge(f"unpacks to more than {LARGEST_RATIO} times its size")
        return len(piece)
