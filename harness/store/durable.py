"""Write durably: sync what must be on the disk before a write counts, and explain what a refusal means.

The order is always the same: bytes of the file, its name, the folder that holds the name. A write is acknowledged
after the last of them, so what was acknowledged survives a power loss.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.core.codec import sync_folder
from harness.errors import StorageError

SPACE = "free space, then run the same command again"
ACCESS = "check that the folder is there and that you may write to it"
READ_ACCESS = "check that you may read it: ls -l shows who may"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def writing(where: Path) -> Iterator[None]:
    """Turns an OSError of the block into a StorageError that names `where`."""
    try:
        yield
    except OSError as error:
        hint = SPACE if error.errno in FULL else ACCESS
        raise StorageError(f"cannot write: {error.strerror or error}", where=str(where), next=hint) from error


def sync_file(path: Path) -> None:
    """Make the bytes of an existing file survive a power loss. A link is refused."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path) -> Path:
    """`path` as a folder whose name survives a power loss, with all folders above it."""
    if not path.is_dir():
        make_folder(path.parent)
        with writing(path):
            path.mkdir(exist_ok=True)
            sync_folder(path.parent)
    return path


def sync_tree(folder: Path) -> None:
    """Sync every file below `folder`, then every folder, the deepest first."""
    for place, _, files in os.walk(folder, topdown=False):
        for name in files:
            sync_file(Path(place, name))
        sync_folder(Path(place))


def remove_tree(folder: Path) -> None:
    """Remove a folder of ours. It is renamed first, so that a kill half-way leaves no half folder under its name."""
    grave = folder.with_name(f".removed-{os.getpid()}-{folder.name}")
    with writing(folder):
        folder.rename(grave)
    shutil.rmtree(grave, ignore_errors=True)


def remove_partials(folder: Path) -> None:
    """Remove what killed writers left below `folder`. Call it with the lock held: no other writer is at work then."""
    for path in tuple(folder.rglob(".*")):
        if path.name.endswith(".partial") or path.name.startswith(".removed-"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
