"""Carry one file to the bucket or back; what arrives is compared with its digest, and asked for again if it differs."""

import hashlib
import os
from pathlib import Path

from harness.core import codec
from harness.errors import StorageError
from harness.store import durable
from harness.store.remote import rooms
from harness.store.remote.bucket import Bucket
from harness.store.remote.root import OBJECTS, Stored

TRIES = 3
WHOLE = 32 << 20
"""Bytes; smaller files are read once, so that what is uploaded is what was digested, whoever appends to it meanwhile."""


def upload(bucket: Bucket, folder: Path, path: str, token: int, number: int) -> Stored:
    """Keep the bytes that a file has now. `token` and `number` make the key of this lease and this state alone, so no late
    request of anybody else can replace or remove it."""
    place = folder / path
    data: bytes | Path = place.read_bytes() if place.stat().st_size < WHOLE else place
    sha256 = codec.file_digest(data) if isinstance(data, Path) else hashlib.sha256(data).hexdigest()
    size = place.stat().st_size if isinstance(data, Path) else len(data)
    key = f"{OBJECTS}/{sha256}-{token}-{number}"
    bucket.put(key, data)
    return Stored(sha256=sha256, size=size, key=key, at_ns=rooms.written_at(folder, path))


def download(bucket: Bucket, stored: Stored, place: Path) -> None:
    """Bring a file, whole or not at all. Raises Gone where its object is gone, StorageError where it is changed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f".{place.name}.{os.getpid()}.partial")
    try:
        with durable.writing(place):
            for _ in range(TRIES):
                if _arrived(bucket, stored, partial):
                    partial.chmod(0o600 if place.name == "salt" else 0o644)
                    partial.replace(place)
                    return
    finally:
        partial.unlink(missing_ok=True)
    raise StorageError(
        "an object in the bucket is not what was written",
        where=f"{bucket.address}/{stored.key}",
        next="trueup store verify names all that is damaged; restore it from a backup of the bucket",
    )


def _arrived(bucket: Bucket, stored: Stored, partial: Path) -> bool:
    bucket.download(stored.key, partial)
    return codec.file_digest(partial) == stored.sha256
