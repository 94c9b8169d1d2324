"""Record each canary's start and end, in order; the number of entries is sealed, so that none is lost unseen."""

from pathlib import Path

from harness.errors import InvalidError
from harness.store.entries import Entries
from harness.store.heads import Heads
from harness.store.lock import Lock
from harness.types import Canary, CanaryEvent

KIND = "canary"


class Canaries:
    def __init__(self, folder: Path, lock: Lock, heads: Heads) -> None:
        self._lock = lock
        self._entries = Entries(folder, KIND, CanaryEvent, heads)

    def history(self) -> list[CanaryEvent]:
        """Every start and end, the oldest first. Raises StorageError when one was changed or is lost."""
        return self._entries.all()

    def last(self) -> CanaryEvent | None:
        history = self.history()
        return history[-1] if history else None

    def running(self) -> Canary | None:
        """The canary that was started and has not ended."""
        last = self.last()
        return last.canary if last and last.kind == "started" else None

    def append(self, event: CanaryEvent) -> None:
        """Durable when it returns. Raises InvalidError for a start while one runs, and for the end of one that does not run."""
        with self._lock():
            history = self.history()
            running = history[-1].canary.id if history and history[-1].kind == "started" else ""
            wanted = "" if event.kind == "started" else event.canary.id
            if running != wanted:
                what = f"the canary {running[:12]} is running" if running else "that canary is not running any more"
                raise InvalidError(what, where=event.canary.id[:12], next="trueup canary status")
            self._entries.append(event, history)

    def verify(self) -> list[str]:
        """Names each entry that was changed or is lost."""
        return self._entries.verify()

    def accept(self) -> list[str]:
        """Go on with what is left; says what was lost."""
        return self._entries.accept()
