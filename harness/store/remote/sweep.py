"""Look through the objects of a bucket: which are damaged, and which no state needs since a killed upload left them."""

import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.errors import StorageError
from harness.store.remote.bucket import Bucket, Gone
from harness.store.remote.root import MANIFESTS, OBJECTS, Root, Stored
from harness.store.remote.transfer import download


def any_objects(bucket: Bucket) -> bool:
    """Whether there is any object of a store."""
    return next(iter(bucket.names(OBJECTS)), None) is not None


def damaged(bucket: Bucket, files: Mapping[str, Stored], threads: int) -> list[str]:
    """Files of a state whose object is lost or is not what was written. Each is read again from its first byte."""
    with tempfile.TemporaryDirectory(prefix="trueup-") as work, ThreadPoolExecutor(threads) as pool:
        checked = pool.map(
            lambda entry: _is_whole(bucket, entry[1], Path(work, entry[1].key.rpartition("/")[2])), files.items()
        )
        return [
            f"{path} ({bucket.address}/{file.key})"
            for (path, file), whole in zip(files.items(), checked, strict=True)
            if not whole
        ]


def _is_whole(bucket: Bucket, stored: Stored, place: Path) -> bool:
    try:
        download(bucket, stored, place)
    except Gone:
        return False
    except StorageError as error:
        if stored.key not in error.where:  # the bucket does not answer
            raise
        return False
    place.unlink(missing_ok=True)
    return True


def orphans(bucket: Bucket, root: Root, files: Iterable[Stored]) -> list[tuple[str, int]]:
    """Key and size in bytes of each. An object of a later lease than the root's is somebody's upload at this moment: it is
    none of them."""
    used = {root.manifest, *(file.key for file in files)}
    found = [entry for folder in (OBJECTS, MANIFESTS) for entry in bucket.names(folder)]
    return [(key, size) for key, size in found if key not in used and _token(key) <= root.token]


def _token(key: str) -> int:
    """The lease that wrote an object."""
    part = key.split("-")[1]
    return int(part) if part.isdigit() else 0
