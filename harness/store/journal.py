"""Keep the journal of the deployment that is under way, so that the next command finishes or undoes what a killed one left."""

from pathlib import Path

from harness.core.codec import sync_folder
from harness.store import durable, sealed
from harness.store.lock import Lock
from harness.types import Deployment

FILE, KIND, IDENT = "deploying.json", "deployment", "now"


class Journal:
    """One sealed file, there only while a deployment is under way. Write and clear it with the store's lock held."""

    def __init__(self, root: Path, lock: Lock) -> None:
        self._path, self._lock = root / FILE, lock

    def read(self) -> Deployment | None:
        """What is under way, or was when its process was killed. Raises StorageError when the file was changed."""
        try:
            return sealed.read(self._path, KIND, IDENT, Deployment)
        except FileNotFoundError:
            return None

    def write(self, deployment: Deployment) -> None:
        """Durable when it returns."""
        with self._lock():
            sealed.write(self._path, KIND, IDENT, deployment)

    def clear(self) -> None:
        with self._lock(), durable.writing(self._path):
            self._path.unlink(missing_ok=True)
            sync_folder(self._path.parent)

    def verify(self) -> list[str]:
        """Names the file when it is not what was written."""
        return [str(self._path)] if self._path.exists() and not sealed.intact(self._path, KIND, IDENT) else []

    def accept(self) -> list[str]:
        """Set a damaged journal aside: `trueup status` then shows what each target serves; says what was lost."""
        lost = self.verify()
        for path in lost:
            sealed.set_aside(Path(path))
        return lost
