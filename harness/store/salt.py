"""Make and keep the salt of pseudonyms. Whoever has it can test a guess, so only the owner may read it."""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from harness.core.codec import sync_folder
from harness.errors import StorageError
from harness.store import durable, sealed

NAME = "salt"
SEAL = "salt.seal.json"


def salt(root: Path) -> str:
    """64 hexadecimal digits, the same for as long as the store lives. Raises StorageError when it is lost or damaged."""
    path = root / NAME
    if not root.exists():
        make(root)
    try:
        found = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        found = ""
    except OSError as error:
        raise StorageError(f"cannot read: {error.strerror}", where=str(path), next=durable.READ_ACCESS) from error
    if len(found) != 64 or fingerprint(found) != _sealed(root):
        raise StorageError(
            "the salt of the pseudonyms is lost or changed",
            where=str(path),
            next="restore it from a backup: with another one, what is ingested again is another call",
        )
    return found


def make(root: Path) -> None:
    """Make the salt of a new store, and seal which one it is."""
    path = root / NAME
    if not path.exists():
        _make(path)
    if not (root / SEAL).exists():
        found = path.read_text(encoding="ascii", errors="replace").strip()
        sealed.write(root / SEAL, NAME, "fingerprint", fingerprint(found))


def verify(root: Path) -> list[str]:
    """Names the salt when it is lost or changed."""
    try:
        salt(root)
    except StorageError as error:
        return [error.where]
    return []


def accept(root: Path, is_keyed: bool) -> list[str]:
    """Seal a salt that is whole; make another one where it is lost, unless something `is_keyed` by it. Says what was lost.

    Raises StorageError when it cannot be done without.
    """
    lost = verify(root)
    if not lost:
        return []
    path, seal = root / NAME, root / SEAL
    is_sealed = sealed.intact(seal, NAME, "fingerprint")
    if is_sealed and is_keyed:
        raise StorageError(
            "without its salt the list of what was forgotten cannot be used",
            where=str(path),
            next=f"restore it from a backup; or remove suppressed.json and {NAME}, then trueup doctor --repair: what was "
            "forgotten may then come back with the next export",
        )
    for place in (seal, path) if is_sealed else (seal,):
        if place.exists():
            sealed.set_aside(place)
    make(root)
    return lost


def fingerprint(salt: str) -> str:
    """Tells a salt from another one; of 256 random bits it tells nothing else."""
    return hashlib.sha256(f"fingerprint:{salt}".encode()).hexdigest()


def _sealed(root: Path) -> str:
    try:
        return sealed.read(root / SEAL, NAME, "fingerprint", str)
    except FileNotFoundError as error:
        raise StorageError(
            "the seal of the salt is lost", where=str(root / SEAL), next="trueup doctor --repair, if the salt is yours"
        ) from error


def _make(path: Path) -> None:
    """Write it under another name first: of two processes that make one, the first wins, and both read the same."""
    durable.make_folder(path.parent)
    hidden = path.with_name(f".{NAME}-{os.getpid()}.partial")
    with durable.writing(path):
        handle = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(handle, secrets.token_hex(32).encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        with suppress(FileExistsError):
            os.link(hidden, path)
        hidden.unlink()
        sync_folder(path.parent)
