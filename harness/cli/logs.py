"""Log what a command does, to a file or to standard error: steps with their seconds, notes, warnings, errors, libraries' messages.

Off by default: what people need is on the terminal anyway. A log file is appended to, one line a record, with the time in UTC.
"""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.core.controls import visible

LEVELS = ("debug", "info", "warning", "error")
LOGGER = logging.getLogger("trueup")
FORM = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class LineFormatter(logging.Formatter):
    """One record a line, so that no text of a trace can forge one; times are UTC."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record)).replace("\n", "\n  ")


@contextmanager
def logging_to(level: str, file: Path | None) -> Iterator[None]:
    """Log in the block at this level (empty: info for a file, else nothing). Raises OSError when the file cannot be written."""
    if not level and file is None:
        yield
        return
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.StreamHandler(sys.stderr) if file is None else logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(LineFormatter(FORM, "%Y-%m-%dT%H:%M:%SZ"))
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel((level or "info").upper())
    try:
        LOGGER.info("trueup %s", " ".join(sys.argv[1:]))
        yield
    except SystemExit as ended:
        LOGGER.info("exit code %s", ended.code or 0)
        raise
    except BaseException as error:
        LOGGER.error("%s: %s", type(error).__name__, error)
        LOGGER.debug("traceback", exc_info=error)
        raise
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
        handler.close()
