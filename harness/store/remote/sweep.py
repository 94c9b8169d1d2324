"""List the objects of a bucket that no state of its store needs: what killed uploads and lost leases left."""

from collections.abc import Iterable

from harness.store.remote.bucket import Bucket
from harness.store.remote.root import MANIFESTS, OBJECTS, Root, Stored


def any_objects(bucket: Bucket) -> bool:
    """Whether there is any object of a store."""
    return next(iter(bucket.names(OBJECTS)), None) is not None


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
