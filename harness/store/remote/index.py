"""Remember what a working copy knows: which store it is of, the state that it had last, and the digests of its files."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from harness.core import codec
from harness.errors import InputError, InvalidError
from harness.store import durable
from harness.store.remote import rooms
from harness.store.remote.root import Stored
from harness.types import Noun

FILE = "copy.json"


class CopyState(Noun, frozen=True):
    """What the folder is a copy of."""

    address: str
    id: str
    """Of the copy, random."""
    store: str = ""
    """Id of the store; empty before one was there."""
    number: int = 0
    """The state that the folder was last made equal to."""
    manifest: str = ""
    """Key of its manifest."""
    files: dict[str, Stored] = {}
    dropped: tuple[str, ...] = ()
    """Keys that this state does not need; see `Manifest`."""
    seen: dict[str, tuple[int, int, int, str]] = {}
    """Path to size, modification time, inode and the sha256 that the file had then."""


def read(folder: Path) -> CopyState | None:
    """What the folder is a copy of; None where it is a store of its own, or nothing yet."""
    try:
        return codec.decode((folder / FILE).read_bytes(), CopyState)
    except FileNotFoundError:
        return None
    except InputError as error:
        raise InvalidError(
            "the file that says of what this folder is a copy is damaged",
            where=str(folder / FILE),
            next=f"rm -r {folder}: the bucket has all of it but unfinished work and what was received here",
        ) from error


def begin(folder: Path, address: str, marker: str) -> CopyState:
    """The state of a copy of `address`, made where there is none. Raises InvalidError where the folder is a store of its own,
    which has the file `marker`, or a copy of another one."""
    state = read(folder)
    if state is None:
        if marker and (folder / marker).exists():
            raise InvalidError(
                "this folder is a store of its own, and cannot become the copy of another one",
                where=str(folder),
                next=f"trueup store move {folder} {address}; or, if the bucket has the store that counts, move the folder away",
            )
        state = CopyState(address=address, id=secrets.token_hex(8))
        durable.make_folder(folder)
        write(folder, state)
    if state.address != address:
        raise InvalidError(
            f"this folder is the working copy of {state.address}, not of {address}",
            where=str(folder),
            next=f"rm -r {folder}: the bucket has all of it but unfinished work; or set the address back",
        )
    return state


def refuse_copy(folder: Path) -> None:
    """Raises InvalidError where a folder that is opened as a store of its own is the copy of one in a bucket."""
    state = read(folder)
    if state is not None:
        raise InvalidError(
            f"this folder is the working copy of {state.address}, and no address is set",
            where=str(folder),
            next=f'TRUEUP_STORE={state.address}, or root = "{state.address}" under [store] in trueup.toml',
        )


def write(folder: Path, state: CopyState) -> None:
    codec.write_atomic(folder / FILE, codec.encode(state))


def digests(folder: Path, state: CopyState) -> tuple[dict[str, str], CopyState]:
    """Path to sha256 of each file of the store that is in the folder, and the state that remembers them. Only files whose
    size, time or inode changed are read."""
    found, seen = {}, {}
    for path, stat in _walk(folder, ""):
        known = state.seen.get(path)
        sha256 = known[3] if known and known[:3] == stat else codec.file_digest(folder / path)
        found[path], seen[path] = sha256, (*stat, sha256)
    return found, replace(state, seen=seen)


def _walk(folder: Path, below: str) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Path and what tells that its bytes are the same, of each plain file that is of the store; partial and damaged ones,
    which begin with a dot, are not."""
    with os.scandir(folder / below) as entries:
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            is_hidden = entry.name.startswith(".") and rooms.unit(f"{path}/") == f"{path}/"
            if is_hidden or (not below and entry.name in rooms.LOCAL):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(folder, path)
            elif entry.is_file(follow_symlinks=False):
                stat = entry.stat(follow_symlinks=False)
                yield path, (stat.st_size, stat.st_mtime_ns, stat.st_ino)
