"""Store datasets, adapters, runs and verdicts under their content id: complete or absent, checked when read.

A noun is one sealed JSON file. A folder (an adapter's weights, a dataset's rows) is built in scratch, then moved in
with a manifest of every file's sha256, which is written last: a folder without one was never finished.
"""

import errno
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from harness.core import codec
from harness.errors import InputError, StorageError
from harness.store import durable, sealed
from harness.store.lock import Lock
from harness.store.names import ident, name
from harness.store.origin import Origin

T = TypeVar("T")

MANIFEST = "sealed-manifest.json"

_numbers = itertools.count()


class Artifacts:
    def __init__(self, root: Path, lock: Lock, origin: Origin) -> None:
        self._folder, self._scratch = root / "artifacts", root / "scratch"
        self._lock, self._origin = lock, origin
        self._verified: set[Path] = set()

    def put(self, kind: str, noun: object, id: str = "") -> str:
        """Keep a noun; returns its id, by default the digest of its content.

        An id names one content: a second `put` under a known id keeps the first. Raises StorageError on a full disk.
        """
        key = ident(id) if id else codec.digest(noun)
        path = self._file(kind, key)
        self._origin.bring(path)
        if not sealed.intact(path, kind, key):
            with self._lock.saving():
                sealed.write(path, kind, key, noun, after_ns=self._newest(kind))
        return key

    def get(self, kind: str, id: str, type: type[T]) -> T:
        """The noun as it was put. Raises InputError when unknown, StorageError when the bytes have changed."""
        self._origin.bring(self._file(kind, id))
        try:
            return sealed.read(self._file(kind, id), kind, id, type)
        except FileNotFoundError as error:
            raise _unknown(kind, id) from error

    def get_by_content(self, kind: str, id: str, type: type[T]) -> T:
        """As `get`, for a noun that was put under the digest of its content, which is computed again: an edited file with a
        new seal is noticed, too. Raises StorageError then."""
        noun = self.get(kind, id, type)
        if codec.digest(noun) != id:
            raise StorageError(
                f"the {kind} was edited: its content is not that of its id",
                where=str(self._file(kind, id)),
                next="restore it from a backup, or run trueup eval again",
            )
        return noun

    def has(self, kind: str, id: str) -> bool:
        """Whether a noun or a finished folder of that id is there."""
        places = (self._file(kind, id), self._place(kind, id) / MANIFEST)
        return any(path.exists() or self._origin.has(path) for path in places)

    def ids(self, kind: str) -> list[str]:
        """Ids of the nouns and folders of a kind, in the order in which they were put, whatever the clock said."""
        self._origin.bring_small(self._folder / name(kind, "a kind of artifact"))
        return list(dict.fromkeys(ident for _, ident in sorted(self._dated(kind))))

    def size(self, kind: str, id: str) -> int:
        """Bytes of an artifact, here or in the bucket."""
        return sum(self._sizes(kind, id).values())

    def bytes_of(self, kind: str, id: str, file: str) -> bytes:
        """One file of a stored folder, which need not be here. Raises FileNotFoundError where there is none."""
        return self._origin.read(self._place(kind, id) / file)

    def remove(self, kind: str, id: str) -> None:
        """Remove an artifact for good. Hold the store's lock."""
        for path in self._sizes(kind, id):
            self._origin.drop(path)
        self._file(kind, id).unlink(missing_ok=True)
        if self._place(kind, id).exists():
            durable.remove_tree(self._place(kind, id))
        self._verified.discard(self._place(kind, id))

    def _sizes(self, kind: str, id: str) -> dict[Path, int]:
        """The files of an artifact, here or in the bucket, with their bytes."""
        file, place = self._file(kind, id), self._place(kind, id)
        here = {path: path.stat().st_size for path in (file, *place.rglob("*")) if path.is_file()}
        known = {
            path: size
            for path, _, size in self._origin.below(file.parent)
            if path == file or path.is_relative_to(place)
        }
        return {**known, **here}

    # ------------------------------------------------------------ folders

    def scratch(self, kind: str) -> Path:
        """A new empty folder to work in, on the store's own file system, so that moving it in is one rename."""
        path = self._scratch / f"{name(kind, 'a kind of artifact')}-{os.getpid()}-{next(_numbers)}"
        durable.make_folder(self._scratch)
        with durable.writing(path):
            path.mkdir()
        return path

    def add_folder(self, kind: str, id: str, folder: Path) -> Path:
        """Move a finished folder in and return its place; a second folder of a known id is dropped, the first kept.

        Raises InputError on an empty folder or one that holds links, StorageError on a full disk; then it is not there.
        """
        place = self._place(kind, id)
        self._origin.bring_folder(place)
        if self._is_intact(place, kind, id):
            shutil.rmtree(folder, ignore_errors=True)
            return place
        folder = self._near(kind, folder)
        with self._lock.saving(), durable.writing(folder):
            (folder / MANIFEST).unlink(missing_ok=True)
            files = _file_digests(folder)
            if not files:
                raise InputError("the folder has no file", where=str(folder))
            durable.sync_tree(folder)
            sealed.write(folder / MANIFEST, kind, id, files, after_ns=self._newest(kind))
            durable.make_folder(place.parent)
            if place.exists():
                durable.remove_tree(place)
            folder.rename(place)
            codec.sync_folder(place.parent)
        self._verified.add(place)
        return place

    def folder(self, kind: str, id: str, *, again: bool = False) -> Path:
        """The folder's place. Its bytes are checked against the manifest, once a process, or now when `again`.

        Raises InputError when unknown, StorageError naming the file that is not what was written.
        """
        place = self._place(kind, id)
        self._origin.bring_folder(place)
        if not (place / MANIFEST).exists():
            raise _unknown(kind, id)
        if again or place not in self._verified:
            damaged = _damaged_files(place, kind, id)
            if damaged:
                raise StorageError("the stored file is not what was written", where=damaged[0], next=sealed.REPAIR)
            self._verified.add(place)
        return place

    def stale_scratch(self) -> list[Path]:
        """Working folders of processes that are dead, as far as this process can see them.

        Those of another process namespace look dead and may not be: remove none without the store's lock.
        """
        found = ((path, path.name.split("-")[-2]) for path in self._scratch.glob("*-*-*"))
        return sorted(path for path, pid in found if pid.isdigit() and not _alive(int(pid)))

    def remove_stale_scratch(self) -> None:
        """Remove the working folders of processes that are dead. Call it with the store's lock held: no run is at work then."""
        for path in self.stale_scratch():
            shutil.rmtree(path, ignore_errors=True)

    def newest(self, kind: str) -> int:
        """When the newest of a kind was put, in Unix nanoseconds; 0 when there is none."""
        return self._newest(kind)

    def kinds(self) -> list[str]:
        elsewhere = {path.relative_to(self._folder).parts[0] for path, *_ in self._origin.below(self._folder)}
        return sorted({path.name for path in self._folder.glob("[!.]*") if path.is_dir()} | elsewhere)

    def verify(self) -> list[str]:
        """Read every artifact again; names each file that is not what was written."""
        damaged = []
        for kind in self.kinds():
            for path in sorted((self._folder / kind).glob("[!.]*")):
                if path.is_dir():
                    damaged += _damaged_files(path, kind, path.name)
                elif not sealed.intact(path, kind, path.stem):
                    damaged.append(str(path))
        return damaged

    def accept(self) -> list[str]:
        """Set each artifact aside that is not what was written; says which files these were."""
        lost = self.verify()
        for path in map(Path, lost):
            place = self._folder / Path(*path.relative_to(self._folder).parts[:2])
            if place.exists():
                sealed.set_aside(place)
        self._verified.clear()
        return lost

    # ------------------------------------------------------------ small print

    def _dated(self, kind: str) -> Iterator[tuple[int, str]]:
        """Time and id of each noun and folder of a kind."""
        folder = self._folder / name(kind, "a kind of artifact")
        files = ((path, path.stem) for path in folder.glob("[!.]*.json"))
        folders = ((path, path.parent.name) for path in folder.glob(f"[!.]*/{MANIFEST}"))
        yield from ((sealed.written_at(path), ident) for path, ident in (*files, *folders))
        for path, at_ns, _ in self._origin.below(folder):
            if path.parent == folder:
                yield at_ns, path.stem
            elif path.name == MANIFEST:
                yield at_ns, path.parent.name

    def _newest(self, kind: str) -> int:
        return max((at_ns for at_ns, _ in self._dated(kind)), default=0)

    def _file(self, kind: str, id: str) -> Path:
        return self._folder / name(kind, "a kind of artifact") / f"{ident(id)}.json"

    def _place(self, kind: str, id: str) -> Path:
        return self._folder / name(kind, "a kind of artifact") / ident(id)

    def _is_intact(self, place: Path, kind: str, id: str) -> bool:
        return (place / MANIFEST).exists() and not _damaged_files(place, kind, id)

    def _near(self, kind: str, folder: Path) -> Path:
        """`folder`, or a copy in scratch when it lies on another file system, from where no rename is possible."""
        durable.make_folder(self._folder)
        if folder.stat().st_dev == self._folder.stat().st_dev:
            return folder
        copy = self.scratch(kind)
        with durable.writing(copy):
            shutil.copytree(folder, copy, symlinks=True, dirs_exist_ok=True)
        return copy


def _file_digests(folder: Path) -> dict[str, str]:
    """Path below `folder` -> sha256, of each file but the manifest. Raises InputError on a link or a device."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise InputError("only plain files can be kept", where=str(path))
        if path.is_file() and path != folder / MANIFEST:
            found[path.relative_to(folder).as_posix()] = codec.file_digest(path)
    return found


def _damaged_files(place: Path, kind: str, id: str) -> list[str]:
    """Files that were changed, lost or slipped in since the folder was added."""
    try:
        wanted = sealed.read(place / MANIFEST, kind, id, dict[str, str])
        found = _file_digests(place)
    except (FileNotFoundError, StorageError):
        return [str(place / MANIFEST)]
    except InputError as error:
        return [error.where]
    except OSError as error:
        return [f"{error.filename or place}: {error.strerror or errno.errorcode.get(error.errno or 0, '?')}"]
    return [str(place / file) for file in sorted(wanted.keys() | found.keys()) if wanted.get(file) != found.get(file)]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _unknown(kind: str, id: str) -> InputError:
    return InputError(f"there is no {kind} {id[:12]}", where=id, next="trueup run makes what is missing again")
