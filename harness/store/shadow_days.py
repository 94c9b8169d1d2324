"""Keep what a shadow spent on each of its last days, so that a server that is started again does not begin anew."""

from pathlib import Path

from harness.core import codec
from harness.errors import StorageError
from harness.store import durable
from harness.types import ShadowDay

FILE = "shadow.json"
KEPT = 31
"""Days."""


class ShadowDays:
    """One file, written by the server alone; no lock is taken, since a nightly run has it for hours."""

    def __init__(self, root: Path) -> None:
        self._path = root / FILE

    def all(self) -> tuple[ShadowDay, ...]:
        """The oldest first. Raises StorageError when the file cannot be read."""
        try:
            return codec.decode(self._path.read_bytes(), tuple[ShadowDay, ...])
        except FileNotFoundError:
            return ()
        except Exception as error:
            raise StorageError(
                f"what the shadow spent cannot be read: {error}",
                where=str(self._path),
                next="remove it; the day's budget begins anew",
            ) from error

    def of(self, day: str) -> ShadowDay:
        """Of a day (ISO); with nothing spent where nothing is known."""
        return next((known for known in self.all() if known.day == day), ShadowDay(day=day))

    def put(self, spent: ShadowDay) -> None:
        """Durable when it returns."""
        others = [known for known in self.all() if known.day != spent.day]
        with durable.writing(self._path):
            codec.write_atomic(self._path, codec.encode([*others, spent][-KEPT:]))
