"""Keep a failure to the record that caused it: an exception becomes a reason for rejection, and the rest is read.

This is the one place where ingest decides what an exception means. Whatever a record or a file does to a reader, be it an
`IndexError` of a format or an `OSError` of the disk it lies on, rejects that record or file. Three things are no record's
fault and pass: our own errors (a wrong option, a store that cannot be written), a full disk, and the user's interrupt.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec

from harness.errors import InputError, StorageError, TrueupError
from harness.redact.redaction import RedactionError
from harness.store import durable

T = TypeVar("T")
Item = TypeVar("Item")
Made = TypeVar("Made")

WINDOW = 8192
"""Bytes of a rejected record that are redacted; of these at most an excerpt is kept."""


class Bad(NamedTuple):
    """A record, or with line 0 a whole file, that cannot be read, and why."""

    reason: str
    """What is wrong, then a colon and the details: what stands before the colon is counted."""
    line: int
    raw: bytes
    """The record, not redacted, or the start of it."""
    whole_file: bool = False


def why(error: Exception, what: str = "cannot be read") -> str:
    """The reason for which a record is rejected, behind `what`, or by itself. Raises the error again where it is no
    record's fault."""
    if isinstance(error, TrueupError) and not isinstance(error, (InputError, RedactionError)):
        raise error
    if isinstance(error, OSError) and error.errno in durable.FULL:
        raise StorageError(
            "cannot write what was unpacked", where=tempfile.gettempdir(), next="free space, or set TMPDIR"
        ) from error
    if isinstance(error, OSError) and error.errno:
        return ": ".join(filter(None, (what, os.strerror(error.errno))))
    said = error.what if isinstance(error, TrueupError) else str(error)
    name = "" if isinstance(error, (ValueError, OSError, TrueupError)) and said else type(error).__name__
    return ": ".join(filter(None, (what, name, said)))[:WINDOW]


def tried(make: Callable[[], T], otherwise: Callable[[str], Made], what: str = "cannot be read") -> T | Made:
    """What `make` gives, or `otherwise` of the reason why it gives nothing."""
    try:
        return make()
    except Exception as error:
        reason = why(error, what)
    return otherwise(reason)


def guarded(items: Iterator[T], otherwise: Callable[[str], Made], what: str = "cannot be read") -> Iterator[T | Made]:
    """The items; where the next one cannot be made, `otherwise` of the reason is the last."""
    while True:
        try:
            item = next(items)
        except StopIteration:
            return
        except Exception as error:
            reason = why(error, what)
            break
        yield item
    yield otherwise(reason)


def each(items: Iterable[Item], read: Callable[[Item], Iterable[Made]]) -> Iterator[Made | tuple[None, Bad]]:
    """What `read` makes of each item of a record, in the form of a format's `pieces`; a broken one costs no other."""
    for item in items:
        try:
            made: list[Made | tuple[None, Bad]] = list(read(item))
        except Exception as error:
            made = [(None, Bad(why(error), 0, start_of(item)))]
        yield from made


def start_of(value: Any) -> bytes:
    """The start of a parsed value as JSON text; nothing for one that has none."""
    try:
        return msgspec.json.encode(value)[:WINDOW]
    except Exception:
        return b""
