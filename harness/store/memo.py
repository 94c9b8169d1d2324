"""Remember finished steps: the digest of all that a step reads -> the id of what it made."""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

from harness.core import codec
from harness.errors import StorageError
from harness.store import durable, sealed
from harness.store.lock import Lock
from harness.store.names import name
from harness.store.origin import Origin


class Memo:
    def __init__(self, folder: Path, lock: Lock, origin: Origin) -> None:
        self._folder, self._lock, self._origin = folder, lock, origin

    def recall(self, step: str, key: str) -> str | None:
        """What `remember` was told last, or None. A damaged entry counts as none: the step is done again."""
        try:
            self._origin.bring(self._path(step, key))
            return sealed.read(self._path(step, key), step, key, str)
        except (FileNotFoundError, StorageError):
            return None

    def remember(self, step: str, key: str, id: str) -> None:
        """Note that `step` made `id`. The key may be any text; a second call replaces the first."""
        if self.recall(step, key) != id:
            with self._lock.finishing():
                sealed.write(self._path(step, key), step, key, id)

    def entries(self) -> Iterator[tuple[Path, str]]:
        """File and remembered id of each whole entry."""
        elsewhere = {path for path, *_ in self._origin.below(self._folder)}
        for path in sorted({*self._folder.glob("*/[!.]*.json")} | elsewhere):
            with suppress(FileNotFoundError, StorageError):
                self._origin.bring(path)
                yield path, sealed.content(path, str)

    def ids(self, step: str) -> set[str]:
        """What a step is remembered to have made, under any key."""
        return {id for path, id in self.entries() if path.parent.name == step}

    def forget(self, ids: Collection[str]) -> None:
        """Remove each entry whose result is one of these, before the results go: their step is done again then."""
        for path, id in list(self.entries()):
            if id in ids:
                self._origin.drop(path)
                with durable.writing(path):
                    path.unlink(missing_ok=True)

    def verify(self) -> list[str]:
        """Damaged entries. They only cost time: the step is done again."""
        return sealed.damaged(self._folder)

    def accept(self, is_there: Callable[[str], bool]) -> list[str]:
        """Remove damaged entries, and those whose id is not there any more: their step is done again."""
        lost = [*self.verify(), *(str(path) for path, id in self.entries() if not is_there(id))]
        for path in lost:
            with durable.writing(Path(path)):
                Path(path).unlink(missing_ok=True)
        return lost

    def _path(self, step: str, key: str) -> Path:
        return self._folder / name(step, "a step") / f"{codec.digest(key)}.json"
