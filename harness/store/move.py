"""Move a store between a folder and a bucket, or to another bucket: all of it arrives, then the old place says where it is.

A folder that moves to a bucket becomes its working copy; publishing its files is the move. Killed anywhere, the same command
goes on: until the new root is written the old store counts, and after it the new one.
"""

import tempfile
from pathlib import Path

from msgspec.structs import replace

from harness.errors import InputError, InvalidError, UsageError
from harness.store.remote import index
from harness.store.remote.bucket import Bucket
from harness.store.remote.copy import moved_hint
from harness.store.remote.root import Pointer, Root, read_manifest
from harness.store.remote.sweep import any_objects
from harness.store.remote.transfer import download
from harness.store.store import COPY, LEASE_S, MARKER, Store


def move(old: str, new: str) -> str:
    """Move the store at `old` to `new`, each a folder or an address; returns what to write into trueup.toml.

    Raises UsageError where both are folders, InvalidError where something is at `new` already, InputError where there is no
    store at `old`.
    """
    from_bucket, to_bucket = "://" in old, "://" in new
    if from_bucket and to_bucket:
        _between_buckets(Bucket(old), Bucket(new))
    elif to_bucket:
        _to_bucket(Path(old).absolute(), new)
    elif from_bucket:
        _to_folder(old, Path(new).absolute())
    else:
        raise UsageError("both are folders", next=f"mv {old} {new}, while no run is at work")
    return moved_hint(new)


def _to_bucket(folder: Path, address: str) -> None:
    if not (folder / MARKER).exists():
        raise InputError("there is no store in this folder", where=str(folder), next="give the folder .trueup itself")
    bucket = Bucket(address)
    begun = index.read(folder)
    if begun is None:
        _refuse_full(bucket)
    elif begun.number:
        raise InvalidError(f"this folder is the working copy of {begun.address} already", where=str(folder))
    with Store(folder).alone():
        index.begin(folder, bucket.address, marker="")
    try:
        with Store.open(folder, bucket.address).lock():
            pass  # whatever the bucket does not have is published
    finally:
        state = index.read(folder)
        if state and not state.number:
            (folder / COPY).unlink()  # nothing arrived: it is a store of its own, as before


def _to_folder(address: str, folder: Path) -> None:
    if (folder / MARKER).exists() and not (folder / COPY).exists():
        raise InvalidError("there is a store in this folder", where=str(folder), next="give an empty folder")
    pointer = Pointer(Bucket(address))
    root = pointer.read()
    if root is None:
        raise InputError("there is no store at this address", where=address, next="trueup store verify")
    if root.moved != str(folder):
        store = Store.open(folder, address)
        with store.lock():
            store.origin.bring_all()
            damaged = store.verify()
            if damaged:
                raise InvalidError(
                    f"{len(damaged)} files are damaged: {damaged[0]}", where=address, next="trueup store verify"
                )
        root = pointer.read() or Root()
        pointer.swap(replace(root, moved=str(folder)))
    (folder / COPY).unlink(missing_ok=True)


def _between_buckets(old: Bucket, new: Bucket) -> None:
    with tempfile.TemporaryDirectory(prefix="trueup-") as work:
        source, target = Pointer(old), Pointer(new)
        first = source.read()
        if first is None:
            raise InputError("there is no store at this address", where=old.address, next="trueup store verify")
        if target.read() is None:
            _refuse_full(new, but_objects=True)
        store = Store.open(Path(work) / "copy", old.address, lasts_s=LEASE_S)
        with store.lock():
            root = source.read() or first
            there = target.root
            if there is not None and (there.id, there.number, there.manifest) != (root.id, root.number, root.manifest):
                raise InvalidError("there is a store at this address", where=new.address, next="give another address")
            if there is None:
                for stored in read_manifest(old, root.manifest).files.values():
                    download(old, stored, Path(work) / "object")
                    new.put(stored.key, Path(work) / "object")
                new.put(root.manifest, old.get(root.manifest).data)
                target.swap(replace(root, holder=None))
        source.read()
        source.swap(replace(source.root or root, moved=new.address))


def _refuse_full(bucket: Bucket, but_objects: bool = False) -> None:
    """`but_objects`: those of a move that was killed are no store."""
    root = Pointer(bucket).read()
    if (root is not None and root.number) or (not but_objects and root is None and any_objects(bucket)):
        raise InvalidError("there is a store at this address", where=bucket.address, next="give another address")
