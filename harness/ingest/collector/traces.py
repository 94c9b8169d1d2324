"""Split an OTLP request by trace."""

from collections.abc import Callable, Iterator
from typing import Any

from harness.ingest.formats._otlp import identity

LEVELS = (("resourceSpans", "scopeSpans", "spans"), ("resourceLogs", "scopeLogs", "logRecords"))

Record = dict[str, Any]


def of(record: Record) -> set[str]:
    """Ids of the traces, in lower-case hexadecimal. A log record without one belongs to none."""
    return {trace for item in items(record) if (trace := _trace(item))}


def items(record: Record) -> Iterator[Record]:
    """Every span and log record."""
    for outer, middle, inner in LEVELS:
        for entry in record.get(outer) or ():
            for scope in entry.get(middle) or ():
                yield from scope.get(inner) or ()


def some(record: Record, wanted: Callable[[str], bool]) -> list[Record]:
    """The request with only the items whose trace is wanted, in a list; an empty list when there are none."""
    return kept(record, lambda item: wanted(_trace(item)))


def kept(record: Record, wanted: Callable[[Record], bool]) -> list[Record]:
    """The request with only the wanted items, in a list; an empty list when there are none."""
    found: Record = {}
    for outer, middle, inner in LEVELS:
        entries = [
            {**entry, middle: scopes}
            for entry in record.get(outer) or ()
            if (
                scopes := [
                    {**scope, inner: chosen}
                    for scope in entry.get(middle) or ()
                    if (chosen := [item for item in scope.get(inner) or () if wanted(item)])
                ]
            )
        ]
        if entries:
            found[outer] = entries
    return [found] if found else []


def _trace(item: Record) -> str:
    return identity(item.get("traceId"), 16)
