"""Record what scores depend on beside the replies: the project's modules and data files, and the installed packages.

Files count from the moment that eval files are collected: an audit hook sees each file of the project that is opened for
reading. Two runs may only be compared when they were scored under the same conditions.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.core.codec import digest, file_digest

PACKAGES = "packages"
"""Name under which the digest of all installed versions stands."""
CHANGED = "changed while the cases ran"
APART = frozenset({".trueup", ".git", ".venv", "venv", "__pycache__", "site-packages", "node_modules", ".pytest_cache"})
"""Folders that hold nothing that a project's own eval files are made of."""
SETTINGS = "trueup.toml"
"""Says who is asked and how it is judged, which stands in the run already."""

Stamp = tuple[int, int]
"""Size and time of the last change, nanoseconds."""


class Conditions:
    """Files below `root` that this process reads, except those below `apart`, such as models, which have digests of
    their own."""

    def __init__(self, root: Path, apart: Iterable[str] = ()) -> None:
        self._root = root.resolve()
        self._apart = [Path(place).resolve() for place in apart if place]
        self._seen: dict[Path, Stamp] = {}

    def watch(self) -> None:
        """From now on note each file as it is opened. Cannot be undone: for a process of its own only."""
        sys.addaudithook(self._heard)

    def digests(self) -> dict[str, str]:
        """Path below the root to SHA-256 of each file that was read or imported; and the digest of installed versions."""
        for module in list(sys.modules.values()):
            self._note(getattr(module, "__file__", None))
        files = {file.relative_to(self._root).as_posix(): _content(file, stamp) for file, stamp in self._seen.items()}
        return {PACKAGES: digest([sys.version, installed()]), **dict(sorted(files.items()))}

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and _reads(*arguments[1:3]):
            self._note(arguments[0])

    def _note(self, path: Any) -> None:
        """Never raises: it runs inside whatever opened the file."""
        try:
            if not isinstance(path, (str, bytes, os.PathLike)):
                return
            file = Path(os.fsdecode(path)).resolve()
            if file in self._seen or not self._counts(file):
                return
            stamp = _stamp(file)
            if stamp is not None:
                self._seen[file] = stamp
        except (OSError, ValueError, RuntimeError):
            return

    def _counts(self, file: Path) -> bool:
        if not file.is_relative_to(self._root) or any(file.is_relative_to(place) for place in self._apart):
            return False
        below = file.relative_to(self._root)
        return not APART.intersection(below.parts) and below.name != SETTINGS


def installed() -> list[str]:
    """Names and versions of the installed packages, as their metadata folders are called."""
    folders = (Path(entry) for entry in sys.path if entry)
    kinds = ("*.dist-info", "*.egg-info")
    return sorted(
        {found.name for folder in folders if folder.is_dir() for kind in kinds for found in folder.glob(kind)}
    )


def _reads(mode: Any, flags: Any) -> bool:
    """Was the file opened for reading only? `os.open` gives flags and no mode."""
    if isinstance(mode, str):
        return not set(mode) & set("wax+")
    return isinstance(flags, int) and flags & os.O_ACCMODE == os.O_RDONLY


def _stamp(file: Path) -> Stamp | None:
    if not file.is_file():
        return None
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns


def _content(file: Path, stamp: Stamp) -> str:
    return file_digest(file) if _stamp(file) == stamp else CHANGED
