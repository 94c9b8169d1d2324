"""Make and keep the salt of pseudonyms. Whoever has it can test a guess, so only the owner may read it."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from harness.core.codec import sync_folder
from harness.errors import StorageError
from harness.store import durable

NAME = "salt"


def salt(root: Path) -> str:
    """64 hexadecimal digits, the same for as long as the store lives. Raises StorageError when the file is damaged."""
    path = root / NAME
    if not path.exists():
        _make(path)
    found = path.read_text(encoding="ascii", errors="replace").strip()
    if len(found) != 64:
        raise StorageError(
            "the salt of the pseudonyms is damaged",
            where=str(path),
            next="restore it from a backup: with another one, what is ingested again is another call",
        )
    return found


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
