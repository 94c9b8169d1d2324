"""Cache a model's answers: one append-only JSON Lines file a model, so that a killed run loses one batch.

    {"check": "<sha256 of key and reply>", "key": "...", "reply": {...}}

A line that is torn or changed is a cache miss, never a wrong answer. The file's name holds the digest of the model, and
each key that of the request, so an answer is never another model's.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from harness.core import codec
from harness.errors import StorageError
from harness.store import durable
from harness.types import Reply


class _Line(msgspec.Struct, frozen=True):
    check: str
    key: str
    reply: msgspec.Raw


class ReplyCache:
    """Open a cache file; it is made on the first `add`. Use it as a context manager, or call `close`."""

    def __init__(self, path: Path, also: Path | None = None) -> None:
        """`also`: a file that is only read."""
        self.path, self._also = path, also
        self._handle: int | None = None
        self._replies: dict[str, bytes] | None = None

    def get(self, key: str) -> Reply | None:
        """The reply under `key`, as it was added, or None."""
        raw = self._known().get(key)
        return None if raw is None else codec.decode(raw, Reply)

    def add(self, items: Mapping[str, Reply]) -> None:
        """Keep replies; they survive a power loss when this returns. Raises StorageError on a full disk."""
        known = self._known()
        fresh = {key: codec.encode(reply) for key, reply in items.items() if key not in known}
        if fresh:
            self._append(b"".join(_line(key, raw) for key, raw in fresh.items()))
            known.update(fresh)

    def keys(self) -> set[str]:
        """Keys of all replies that are there."""
        return set(self._known())

    def flush(self) -> None:
        """Nothing is ever pending: each `add` is durable when it returns."""

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> "ReplyCache":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._known())

    # ------------------------------------------------------------ small print

    def _known(self) -> dict[str, bytes]:
        if self._replies is None:
            self._replies = {**(dict(lines(self._also)) if self._also else {}), **dict(lines(self.path))}
        return self._replies

    def _append(self, data: bytes) -> None:
        with durable.writing(self.path):
            if self._handle is None:
                self._handle = self._open()
            written = os.write(self._handle, data)
            if written < len(data):  # the disk filled up in the middle; the torn line is skipped when read
                self.close()
                raise StorageError("cannot write: no space left", where=str(self.path), next=durable.SPACE)
            os.fsync(self._handle)

    def _open(self) -> int:
        durable.make_folder(self.path.parent)
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        codec.sync_folder(self.path.parent)
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            os.write(handle, b"\n")  # ends the line that a killed writer left torn
        return handle


def verify(folder: Path) -> list[str]:
    """Names the cache files below `folder` that hold a changed line; one that a killed writer left torn is no damage."""
    return [str(path) for path in sorted(folder.glob("*.jsonl")) if not is_whole(path)]


def is_whole(path: Path) -> bool:
    """Whether no line of a cache file was changed."""
    return not any(map(_is_changed, _texts(path)))


def accept(folder: Path) -> list[str]:
    """Write each damaged cache file anew without its changed lines; says which these were."""
    lost = verify(folder)
    for path in map(Path, lost):
        codec.write_atomic(path, b"".join(_line(key, raw) for key, raw in lines(path)))
    return lost


def join(path: Path, answers: Mapping[str, bytes]) -> None:
    """Add answers, as `lines` gives them, that a cache file does not have."""
    known = dict(lines(path))
    fresh = [_line(key, raw) for key, raw in answers.items() if key not in known]
    if fresh:
        whole = b"".join(_line(key, raw) for key, raw in known.items())
        codec.write_atomic(path, whole + b"".join(fresh))


def _texts(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise StorageError(f"cannot read: {error.strerror}", where=str(path), next=durable.READ_ACCESS) from error


def _is_changed(text: bytes) -> bool:
    try:
        line = msgspec.json.decode(text, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return text.strip() != b"" and "truncated" not in str(error)
    return line.check != _check(line.key, bytes(line.reply))


def _line(key: str, raw: bytes) -> bytes:
    return msgspec.json.encode(_Line(_check(key, raw), key, msgspec.Raw(raw))) + b"\n"


def lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Key and encoded reply of each whole line; torn and changed lines are passed over."""
    if not path.exists():
        return
    decoder = msgspec.json.Decoder(_Line)
    with path.open("rb") as file:
        for text in file:
            try:
                line = decoder.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            raw = bytes(line.reply)
            if line.check == _check(line.key, raw):
                yield line.key, raw


def _check(key: str, raw: bytes) -> str:
    return hashlib.sha256(key.encode() + b"\0" + raw).hexdigest()
