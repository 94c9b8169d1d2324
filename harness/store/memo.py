"""Remember finished steps: the digest of all that a step reads -> the id of what it made."""

from pathlib import Path

from harness.core import codec
from harness.errors import StorageError
from harness.store import sealed
from harness.store.names import name


class Memo:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def recall(self, step: str, key: str) -> str | None:
        """What `remember` was told last, or None. A damaged entry counts as none: the step is done again."""
        try:
            return sealed.read(self._path(step, key), step, key, str)
        except (FileNotFoundError, StorageError):
            return None

    def remember(self, step: str, key: str, id: str) -> None:
        """Note that `step` made `id`. The key may be any text; a second call replaces the first."""
        if self.recall(step, key) != id:
            sealed.write(self._path(step, key), step, key, id)

    def verify(self) -> list[str]:
        """Damaged entries. They only cost time: the step is done again."""
        return sealed.damaged(self._folder)

    def _path(self, step: str, key: str) -> Path:
        return self._folder / name(step, "a step") / f"{codec.digest(key)}.json"
