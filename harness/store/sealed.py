"""Keep a value in one JSON file with its own checksum: whole or absent, and never silently changed.

    {"at_ns": 1790000000000000000, "id": "...", "kind": "...", "schema": 1, "sha256": "...", "value": {...}}

The checksum covers kind, id and time as well, so that a file that was copied over another one is noticed too.
"""

import hashlib
import time
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from harness.core import codec
from harness.errors import StorageError
from harness.store import durable

T = TypeVar("T")

REPAIR = (
    "restore the file from a backup, or set it aside with `trueup doctor --repair` and run the step that made it again"
)


class _Envelope(msgspec.Struct, frozen=True):
    at_ns: int
    id: str
    kind: str
    schema: int
    sha256: str
    value: msgspec.Raw


def write(path: Path, kind: str, ident: str, value: object, *, after_ns: int = 0) -> None:
    """Write `value` durably and atomically, dated now, and always later than `after_ns`: a clock that was set back changes
    no order. Raises StorageError on a full disk, ValueError on NaN."""
    raw = msgspec.Raw(codec.encode(value))
    bare = _Envelope(max(time.time_ns(), after_ns + 1), ident, kind, codec.SCHEMA, "", raw)
    durable.make_folder(path.parent)
    codec.write_atomic(path, msgspec.json.encode(replace(bare, sha256=_checksum(bare))))


def read(path: Path, kind: str, ident: str, type: type[T]) -> T:
    """The value as it was written. Raises FileNotFoundError when absent, StorageError when the bytes differ."""
    found = _open(path)
    if found is None or (found.kind, found.id) != (kind, ident):
        raise StorageError("the stored file is not what was written", where=str(path), next=REPAIR)
    if found.schema > codec.SCHEMA:
        raise StorageError("written by a newer trueup", where=str(path), next="pip install --upgrade trueup")
    return codec.decode(bytes(found.value), type)


def content(path: Path, type: type[T]) -> T:
    """The value of a sealed file, whatever it is called. Raises FileNotFoundError when absent, StorageError when changed."""
    found = _open(path)
    if found is None:
        raise StorageError("the stored file is not what was written", where=str(path), next=REPAIR)
    return codec.decode(bytes(found.value), type)


def intact(path: Path, kind: str, ident: str) -> bool:
    """Whether the file is there and is what was written under that kind and id."""
    try:
        found = _open(path)
    except (FileNotFoundError, StorageError):
        return False
    return found is not None and (found.kind, found.id) == (kind, ident)


def damaged(folder: Path) -> list[str]:
    """Names of the sealed files below `folder` that do not match their own checksum."""
    files = (path for path in sorted(folder.rglob("*.json")) if not path.name.startswith("."))
    return [str(path) for path in files if not _is_whole(path)]


def set_aside(path: Path) -> Path:
    """Rename a damaged file, so that nothing reads it and nothing of it is lost; returns its new place."""
    place = path.with_name(f".damaged-{time.time_ns()}-{path.name}")
    with durable.writing(path):
        path.rename(place)
        codec.sync_folder(path.parent)
    return place


def written_at(path: Path) -> int:
    """When a sealed file was written, in Unix nanoseconds, from its first bytes; 0 when they say nothing."""
    with path.open("rb") as file:
        head = file.read(40)
    digits = head.removeprefix(b'{"at_ns":').split(b",")[0]
    return int(digits) if digits.isdigit() else 0


def _is_whole(path: Path) -> bool:
    try:
        return _open(path) is not None
    except (FileNotFoundError, StorageError):
        return False


def _open(path: Path) -> _Envelope | None:
    """The envelope, or None when it does not match its own checksum."""
    try:
        found = msgspec.json.decode(_bytes(path), type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if found.sha256 == _checksum(found) else None


def _bytes(path: Path) -> bytes:
    """Raises FileNotFoundError when absent, StorageError when it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageError(f"cannot read: {error.strerror}", where=str(path), next=durable.READ_ACCESS) from error


def _checksum(envelope: _Envelope) -> str:
    head = f"{envelope.schema}:{envelope.kind}:{envelope.id}:{envelope.at_ns}:"
    return hashlib.sha256(head.encode() + bytes(envelope.value)).hexdigest()
