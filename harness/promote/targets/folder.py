"""Deploy into a folder: each release beside the others, and `current`, which is switched in one step.

PATH/releases/trueup-3fa91c88d0e24b67-88d0e2aa/   adapter, manifest, verdict, report, model card
PATH/current                                      a link to one of them, or a file with its name
"""

import os
import shutil
from pathlib import Path
from typing import Literal

from harness.core.codec import file_digest, sync_folder, write_atomic
from harness.core.options import File
from harness.errors import DeployError
from harness.promote.readback import compare
from harness.store import durable
from harness.types import Arm, Noun, Release

RELEASES, CURRENT = "releases", "current"


class Options(Noun, frozen=True):
    path: File
    """The folder; made where it is missing."""
    pointer: Literal["link", "file"] = "link"
    """What `current` is: a symbolic link to the release's folder, or a file that holds its name."""


def open(options: Options, alias: str) -> "FolderTarget":
    return FolderTarget(options)


class FolderTarget:
    def __init__(self, options: Options) -> None:
        self._options, self._root = options, Path(options.path)
        self._current = self._root / CURRENT

    def name_of(self, release: Release) -> str:
        return release.name

    def current(self) -> str:
        """Raises DeployError where `current` was made by somebody else."""
        if self._options.pointer == "link" and self._current.is_symlink():
            return Path(os.readlink(self._current)).name
        if self._options.pointer == "file" and self._current.is_file() and not self._current.is_symlink():
            return self._current.read_text(encoding="utf-8").strip()
        if os.path.lexists(self._current):
            raise DeployError(
                f"there is something else than a {self._options.pointer} of trueup's",
                where=str(self._current),
                next="move it away, or set another path",
            )
        return ""

    def has(self, name: str) -> bool:
        return self._place(name).is_dir()

    def put(self, release: Release) -> None:
        """Raises StorageError on a full disk or where nothing may be written; then the release is not there."""
        place = self._place(release.name)
        if place.is_dir() and _digests(place) == release.digests:
            return
        part = place.with_name(f".{release.name}.partial")
        with durable.writing(part):
            shutil.rmtree(part, ignore_errors=True)
            for path, source in release.places.items():
                (part / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, part / path)
            durable.sync_tree(part)
            if place.exists():
                durable.remove_tree(place)
            part.rename(place)
            sync_folder(place.parent)

    def check(self, release: Release) -> str:
        return compare(release.digests, _digests(self._place(release.name)), str(self._place(release.name)))

    def through(self, release: Release) -> Arm | None:
        return None

    def switch(self, name: str) -> None:
        with durable.writing(self._current):
            if not name:
                self._current.unlink(missing_ok=True)
            elif self._options.pointer == "file":
                write_atomic(self._current, f"{name}\n".encode())
            else:
                fresh = self._root / f".{CURRENT}.partial"
                fresh.unlink(missing_ok=True)
                fresh.symlink_to(Path(RELEASES) / name, target_is_directory=True)
                os.replace(fresh, self._current)
            if self._root.is_dir():
                sync_folder(self._root)

    def discard(self, name: str) -> None:
        if self.has(name):
            with durable.writing(self._place(name)):
                durable.remove_tree(self._place(name))

    def _place(self, name: str) -> Path:
        return self._root / RELEASES / name


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }
