"""Keep why a run ended before its verdict, beside the reports, so that a later step of the same job can tell of it."""

from pathlib import Path

from harness.core.codec import encode, read, write_atomic
from harness.errors import Exit, TrueupError
from harness.types import Noun

FILE, PAGE = "stopped.json", "stopped.md"


class Stopped(Noun, frozen=True):
    exit_code: int
    message: str
    where: str = ""
    next: str = ""

    def error(self) -> TrueupError:
        """The error as it was raised, as far as its message and exit code go."""
        error = TrueupError(self.message, where=self.where, next=self.next)
        error.exit = Exit(self.exit_code)
        return error


def write(folder: Path, error: TrueupError, page: str) -> None:
    """Keep the error, and its page in Markdown."""
    kept = Stopped(exit_code=int(error.exit), message=error.what, where=error.where, next=error.next)
    write_atomic(folder / FILE, encode(kept))
    write_atomic(folder / PAGE, page.encode())


def latest(folder: Path) -> TrueupError | None:
    """The error that ended the latest run; None when that came to a verdict."""
    return read(folder / FILE, Stopped).error() if (folder / FILE).is_file() else None


def clear(folder: Path) -> None:
    """Forget it: a new run begins."""
    for name in (FILE, PAGE):
        (folder / name).unlink(missing_ok=True)
