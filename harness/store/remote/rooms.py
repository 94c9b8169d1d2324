"""Say of each file of a store what a working copy does with it: keep it here, bring it when asked, or let it change."""

from pathlib import Path

from harness.errors import StorageError
from harness.store import replies, sealed

LOCAL = frozenset({".gitignore", "lock", "lock.holder.json", "copy.json", "scratch", "work", "inbox"})
"""What is of this folder alone: locks, unfinished work, and what a receiver here has not handed over yet."""
LAZY = ("artifacts/", "memo/", "replies/", "traces/kind=")
"""Brought when asked for; the rest is small, and brought at once."""
CHANGING = ("memo/", "replies/", "heads.json", "suppressed.json", "traces.seal.json", "deploying.json", "given-up.json")
"""Files whose content changes under one name; any other that differs from the bucket's is damaged."""
SEALED = (
    "memo/",
    "ledger/",
    "promotions/",
    "canaries/",
    "heads.json",
    "suppressed.json",
    "traces.seal.json",
    "salt.seal.json",
    "deploying.json",
    "given-up.json",
)
ANSWERS = "replies/"
ROWS = ("traces/kind=call/", "traces/kind=feedback/")


def is_lazy(path: str) -> bool:
    return path.startswith(LAZY)


def may_change(path: str) -> bool:
    return path.startswith(CHANGING)


def unit(path: str) -> str:
    """What is there whole or not at all: the folder of an artifact, else the file."""
    parts = path.split("/")
    return "/".join(parts[:3]) if parts[0] == "artifacts" and len(parts) > 3 else path


def is_whole(folder: Path, path: str) -> bool:
    """Whether a file matches its own seal, or each of its lines does; one without a seal counts as whole."""
    if path.startswith(ANSWERS):
        return replies.is_whole(folder / path)
    if not path.startswith(SEALED) and not (path.startswith("artifacts/") and path.count("/") == 2):
        return True
    try:
        sealed.content(folder / path, object)
    except (FileNotFoundError, StorageError):
        return False
    return True


def written_at(folder: Path, path: str) -> int:
    """When an artifact was written, in Unix nanoseconds; 0 for what is none."""
    return sealed.written_at(folder / path) if path.startswith("artifacts/") and path.endswith(".json") else 0
