"""Keep a folder as the working copy of a store in a bucket: bring what is missing, publish what was written.

The bucket is the truth, and the folder is a store as any other. `pull` makes the folder what the bucket says; what a killed
run left in the folder stays only while nobody has published since. `publish` uploads what the folder has and the bucket has
not, then a manifest of all files, then swaps the root: a kill anywhere leaves the old state or the new one. Artifacts, data
files of the trace table and finished steps are brought when they are asked for.
"""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from harness.errors import InvalidError, StorageError
from harness.store import durable, replies
from harness.store.origin import Known, Origin
from harness.store.remote import index, rooms, sweep
from harness.store.remote.bucket import Bucket, Gone
from harness.store.remote.root import Manifest, Pointer, Root, encode_manifest, read_manifest
from harness.store.remote.transfer import download, upload

SMALL = 256 << 10
"""Bytes; smaller artifacts are brought together when their ids are listed."""
THREADS = 16
TRIES = 5


class WorkingCopy(Origin):
    def __init__(self, folder: Path, bucket: Bucket, marker: str, store: str = "") -> None:
        """`marker` is the file that only a whole store has; `store` is the id that the one in the bucket must have, where that
        is known. Raises InvalidError where the folder is no copy of that bucket."""
        self.address, self.pointer = bucket.address, Pointer(bucket)
        self._folder, self._bucket, self._wanted = folder, bucket, store
        self._was_empty = not (folder.exists() and any(folder.iterdir()))
        self._state = index.begin(folder, bucket.address, marker)
        self._seen: set[str] = set()
        """Lazy files that this process had in the folder: one that is gone later was removed from the store."""
        self._drops: set[str] = set()
        self._brought = False

        self.id = self._state.store

    # ------------------------------------------------------------ what the store asks for

    def forsake(self) -> None:
        if self._was_empty:
            durable.remove_tree(self._folder)

    def bring(self, path: Path) -> None:
        if not path.exists() and self.has(path):
            with _asked_late(self.address):
                self._bring([self._name(path)])

    def bring_folder(self, place: Path) -> None:
        name = self._name(place)
        inside = [path for path in self._state.files if path.startswith(f"{name}/")]
        if inside and not place.exists():
            grown = place.with_name(f".{place.name}.{os.getpid()}.partial")
            with _asked_late(self.address), durable.writing(place):
                self._bring(inside, lambda path: grown / path.removeprefix(f"{name}/"))
                grown.rename(place)

    def bring_small(self, folder: Path) -> None:
        name, files = self._name(folder), self._state.files
        inside = [path for path, file in files.items() if os.path.dirname(path) == name and file.size < SMALL]
        with _asked_late(self.address):
            self._bring([path for path in inside if not (self._folder / path).exists()])

    def has(self, path: Path) -> bool:
        return self._name(path) in self._state.files

    def below(self, folder: Path) -> Iterator[Known]:
        start, files = f"{self._name(folder)}/", self._state.files
        return (
            Known(self._folder / path, file.at_ns, file.size) for path, file in files.items() if path.startswith(start)
        )

    def read(self, path: Path) -> bytes:
        if path.exists() or not self.has(path):
            return path.read_bytes()
        with tempfile.TemporaryDirectory(prefix="trueup-") as work, _asked_late(self.address):
            download(self._bucket, self._state.files[self._name(path)], Path(work, "object"))
            return Path(work, "object").read_bytes()

    def bring_all(self) -> None:
        folders = {rooms.unit(path) for path in self._state.files}
        for unit in folders - self._state.files.keys():
            self.bring_folder(self._folder / unit)
        with _asked_late(self.address):
            self._bring([path for path in folders & self._state.files.keys() if not (self._folder / path).exists()])
        self._remember()

    def damaged(self) -> list[str]:
        return sweep.damaged(self._bucket, self._state.files, THREADS)

    def drop(self, path: Path) -> None:
        self._drops.add(self._name(path))

    # ------------------------------------------------------------ bucket to folder

    def root(self) -> Root | None:
        """The root of the bucket. Raises InvalidError where the store has lost its memory, was moved or is another one."""
        root = self.pointer.read()
        lost = self._lost(root)
        if lost:
            hint = f"restore the bucket; if it is meant to be as it is, take [store] id out and rm -r {self._folder}"
            raise InvalidError(f"the store has lost its memory: {lost}", where=self.address, next=hint)
        if root and root.moved:
            raise InvalidError(f"this store was moved to {root.moved}", where=self.address, next=moved_hint(root.moved))
        return root

    def refresh(self) -> None:
        self.pull()

    def pull(self, *, writing: bool = False) -> None:
        """Make the folder what the bucket says: what it says when this is called, or, with the lease, what was read when it
        was taken. Hold the folder's lock."""
        for attempt in range(TRIES):
            root = self.pointer.root if writing else self.root()
            try:
                self._make_equal(root or Root(), writing)
                return
            except Gone as error:  # somebody published, and removed what the state before needed
                if writing or attempt == TRIES - 1:
                    raise StorageError(
                        "an object that the store needs is gone", where=self.address, next="trueup store verify"
                    ) from error

    def _make_equal(self, root: Root, writing: bool) -> None:
        same = root.manifest == self._state.manifest
        if not same:
            manifest = read_manifest(self._bucket, root.manifest)
            self._state = replace(self._state, files=manifest.files, dropped=manifest.dropped)
        files = self._state.files
        here, self._state = index.digests(self._folder, self._state)
        self._seen.update(filter(rooms.is_lazy, here))
        answers = self._take_out(set(self._wrong(here, same)))
        lazy = {path for path in files if path.startswith(rooms.ANSWERS)} if writing else answers.keys() & files.keys()
        wanted = (path for path in files if path in lazy or not rooms.is_lazy(path))
        self._bring([path for path in wanted if not (self._folder / path).exists()])
        for path, lines in answers.items():
            replies.join(self._folder / path, lines)
        self._state = replace(
            self._state, store=root.id or self._state.store, number=root.number, manifest=root.manifest
        )
        self.id = self._state.store
        self._remember()

    def _wrong(self, here: dict[str, str], same: bool) -> Iterator[str]:
        """Files of the folder that are not as the bucket has them. In the `same` state as before, what was written and not
        published yet is right."""
        files = self._state.files
        for path, sha256 in here.items():
            stored = files.get(path)
            if stored is not None and stored.sha256 == sha256:
                continue
            is_new = stored is None or rooms.may_change(path)
            if not (same and is_new and rooms.is_whole(self._folder, path)):
                yield path
        whole = {rooms.unit(path) for path in here}
        yield from (
            path for path in files if path not in here and rooms.unit(path) != path and rooms.unit(path) in whole
        )

    def _take_out(self, wrong: set[str]) -> dict[str, dict[str, bytes]]:
        """Remove files; returns the answers that were in them, for those are true whoever publishes."""
        answers = {path: dict(replies.lines(self._folder / path)) for path in wrong if path.startswith(rooms.ANSWERS)}
        for unit in {rooms.unit(path) for path in wrong}:
            place = self._folder / unit
            if place.is_dir():
                durable.remove_tree(place)
            else:
                place.unlink(missing_ok=True)
        return answers

    # ------------------------------------------------------------ folder to bucket

    def publish(self) -> None:
        """Let the bucket have what the folder has. Hold the lease. Raises Conflict when it was lost: nothing is changed then."""
        root = self.pointer.root or Root()
        here, self._state = index.digests(self._folder, self._state)
        files = self._state.files
        fresh = [path for path, sha256 in here.items() if path not in files or files[path].sha256 != sha256]
        gone = {path for path in files if path not in here and (not rooms.is_lazy(path) or path in self._seen)}
        gone |= self._drops & files.keys() - here.keys()
        self._seen.update(filter(rooms.is_lazy, here))
        if not fresh and not gone:
            return
        self._refuse_damaged(path for path in fresh if not rooms.is_whole(self._folder, path))
        number = root.number + 1
        carry = partial(upload, self._bucket, self._folder, token=root.token, number=number)
        with ThreadPoolExecutor(THREADS) as pool:
            sent = dict(zip(fresh, pool.map(carry, fresh), strict=True))
        after = {path: file for path, file in {**files, **sent}.items() if path not in gone}
        used = {file.key for file in after.values()}
        before = {self._state.manifest, *self._state.dropped, *(file.key for file in files.values())} - {""}
        manifest = Manifest(files=after, dropped=tuple(sorted(before - used)))
        key, data = encode_manifest(manifest, number, root.token)
        self._bucket.put(key, data)
        self.pointer.swap(replace(root, number=number, manifest=key))
        self._state = replace(
            self._state, store=root.id, number=number, manifest=key, files=after, dropped=manifest.dropped
        )
        self.id = self._state.store
        self._drops.clear()
        self._remember()
        self.clean(everything=any(path.startswith(rooms.ROWS) for path in gone))

    def clean(self, everything: bool = False) -> None:
        """Remove the objects that the current state dropped; `everything` that no state needs where rows were erased, so that
        no copy of them is left. What cannot be removed now the next writer removes. Hold the lease."""
        with suppress(StorageError):
            self._bucket.delete(self._state.dropped)
        if everything:
            self.remove_orphans()

    def remove_orphans(self) -> None:
        self._bucket.delete(key for key, _ in self.orphans())

    def orphans(self) -> list[tuple[str, int]]:
        root = self.pointer.root or Root()
        return sweep.orphans(self._bucket, root, self._state.files.values())

    # ------------------------------------------------------------ small print

    def new_id(self) -> str:
        """An id for a store that begins now."""
        return self._state.store or secrets.token_hex(8)

    @property
    def copy_id(self) -> str:
        """Of the folder."""
        return self._state.id

    def _lost(self, root: Root | None) -> str:
        """What the store must have and has not; empty when it is well."""
        known = self._state
        if root is None:
            if known.number:
                return f"this folder is a copy of its state {known.number}, and the bucket is empty"
            if self._wanted:
                return f"trueup.toml names the store {self._wanted}, and the bucket is empty"
            return (
                "its objects are there, and the root that names them is not" if sweep.any_objects(self._bucket) else ""
            )
        if self._wanted not in ("", root.id):
            return f"trueup.toml names the store {self._wanted}, and this is {root.id}"
        if known.store not in ("", root.id):
            return f"this folder is a copy of the store {known.store}, and this is {root.id}, which was begun anew"
        if root.number < known.number or (root.number == known.number and root.manifest != known.manifest):
            return (
                f"the folder {self._folder} has seen its state {known.number}, and the bucket is back at {root.number}"
            )
        return ""

    def _bring(self, paths: Iterable[str], place: Callable[[str], Path] | None = None) -> None:
        """Download files of the store, many at once. Raises Gone where an object is gone."""
        wanted = list(paths)
        where = place or self._folder.joinpath
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(lambda path: download(self._bucket, self._state.files[path], where(path)), wanted):
                self._brought = True
        self._seen.update(path for path in wanted if rooms.is_lazy(path))

    def _refuse_damaged(self, damaged: Iterable[str]) -> None:
        for path in damaged:
            raise StorageError(
                "a file of the working copy is damaged, and is not published",
                where=str(self._folder / path),
                next="remove it: the bucket has it as it was written",
            )

    def _remember(self) -> None:
        if self._brought:
            os.sync()  # what was brought must not be torn under a state that says it is there
        self._brought = False
        index.write(self._folder, self._state)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


def moved_hint(address: str) -> str:
    return f'root = "{address}" under [store] in trueup.toml, or TRUEUP_STORE={address}'


@contextmanager
def _asked_late(address: str) -> Iterator[None]:
    """Around the bringing of files that the state had which this process read: another run may have replaced it since."""
    try:
        yield
    except Gone as error:
        raise StorageError(
            "another run changed the store meanwhile, or an object is lost",
            where=address,
            next="run the same command again; if that does not help, trueup store verify",
        ) from error
