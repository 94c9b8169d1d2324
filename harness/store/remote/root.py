"""Define what a bucket holds: a root that says which state is current and who may write, manifests, and content objects.

root.json                 the only object that ever changes; swapped on its version (If-Match)
manifests/<number>-<token>-<sha256>   which files make up one state of the store
objects/<sha256>-<token>-<number>     the bytes of one file; never written twice, never changed
"""

import hashlib

from msgspec.structs import replace

from harness.core import codec
from harness.errors import InputError, StorageError
from harness.store.remote.bucket import Bucket, Conflict, Gone, Version
from harness.types import Noun

ROOT = "root.json"
OBJECTS, MANIFESTS = "objects", "manifests"
LAYOUT = 1
TRIES = 4


class LeaseHolder(Noun, frozen=True):
    """Who may write."""

    copy: str
    """Id of the working copy; the machine that has it holds its file lock, so an earlier holder of the same copy is dead."""
    host: str
    pid: int
    since: str
    lasts_s: float
    """Without a sign of life for so long, anybody may take the lease."""


class Root(Noun, frozen=True):
    layout: int = LAYOUT
    id: str = ""
    """Of the store, given once: an emptied bucket that was begun again has another one."""
    revision: int = 0
    """Counts every write of the root, so no two contents are the same bytes and no ETag returns."""
    token: int = 0
    """Counts the leases: the fencing token of the last one."""
    number: int = 0
    """Counts the states that were published."""
    manifest: str = ""
    """Key of the current manifest; empty before the first state."""
    holder: LeaseHolder | None = None
    moved: str = ""
    """Address of the store that this one became; nothing is read from here then."""


class Stored(Noun, frozen=True):
    """One file of the store."""

    sha256: str
    size: int
    key: str
    """Of its object."""
    at_ns: int = 0
    """When a sealed file was written, by its own first bytes: artifacts are listed in that order."""


class Manifest(Noun, frozen=True):
    """One state of the store."""

    files: dict[str, Stored] = {}
    """Path below the store's folder to its content."""
    dropped: tuple[str, ...] = ()
    """Keys that this state does not need and the one before did: to be deleted, by the next writer if not by this one."""


class Pointer:
    """Reads and swaps the root. A swap whose answer was lost is read back: it happened, or it did not."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.root: Root | None = None
        """As it was read or written last by this process; what somebody else made of it since is not taken over."""
        self.at_s = 0.0
        """When it was written, in Unix seconds by the server's clock."""
        self._version: Version | None = None

    def read(self) -> Root | None:
        """The root; None in an empty bucket. Raises StorageError where it is none of ours."""
        self.root, self._version, self.at_s = self._peek()
        return self.root

    def swap(self, after: Root) -> Root:
        """Write a root in place of the one that was read or written last.

        Raises Conflict when another is there, now and whenever it is tried again: only `read` takes another one over.
        """
        before = self.root
        after = replace(after, revision=before.revision + 1 if before else 1)
        for attempt in range(TRIES):
            try:
                self._version = self.bucket.swap(ROOT, codec.encode(after), self._version)
                break
            except (Conflict, StorageError) as error:
                there, version, _ = self._peek()
                if there == after:  # it was written, and the answer was lost
                    self._version = version
                    break
                if there != before:
                    raise Conflict from error
                if attempt == TRIES - 1:
                    raise
        self.root = after
        return after

    def now(self) -> float:
        """The time by the server's clock, in Unix seconds: the same for everybody who looks at a lease."""
        self.bucket.put("clock", b"")
        return self.bucket.get("clock").at_s

    def _peek(self) -> tuple[Root | None, Version | None, float]:
        try:
            found = self.bucket.get(ROOT)
        except Gone:
            return None, None, 0.0
        where = f"{self.bucket.address}/{ROOT}"
        try:
            root = codec.decode(found.data, Root)
        except InputError as error:
            hint = "give the store a folder of its own in the bucket"
            raise StorageError("not a store of trueup's", where=where, next=hint) from error
        if root.layout > LAYOUT:
            what = f"the bucket has layout {root.layout}, this trueup knows up to {LAYOUT}"
            raise StorageError(what, where=where, next="pip install --upgrade trueup")
        return root, found.version, found.at_s


def encode_manifest(manifest: Manifest, number: int, token: int) -> tuple[str, bytes]:
    """Key and bytes; the key holds the digest of the bytes."""
    import zstandard

    data = zstandard.compress(codec.encode(manifest))
    return f"{MANIFESTS}/{number:08}-{token}-{hashlib.sha256(data).hexdigest()}", data


def read_manifest(bucket: Bucket, key: str) -> Manifest:
    """Raises Gone where it is gone, StorageError where its bytes are not those of its key."""
    import zstandard

    if not key:
        return Manifest()
    for _ in range(TRIES):
        data = bucket.get(key).data
        if hashlib.sha256(data).hexdigest() == key.rpartition("-")[2]:
            return codec.decode(zstandard.decompress(data), Manifest)
    raise StorageError(
        "the manifest is not what was written", where=f"{bucket.address}/{key}", next="trueup store verify"
    )
