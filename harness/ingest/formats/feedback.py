"""Parse plain feedback: one object a record, with an id to find the call by, a name, and a value, label or correction."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.core.codec import digest
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import feedback
from harness.ingest.formats._json import Json, parsed, text_of
from harness.types import Feedback, Source

RANK = 90
CALLS = False

_IDS = ("call_id", "trace_id", "span_id", "response_id", "session_id")
_SAYS = ("value", "score", "label", "comment", "correction", "rating")
_NOT = frozenset({"messages", "inputs", "outputs", "input", "output", "spans", "run_type", "events"})


def claims(record: dict[str, Json]) -> bool:
    found = record.keys()
    return any(record.get(name) for name in _IDS) and any(name in found for name in _SAYS) and not _NOT & found


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    yield digest(record), record


def join(found: list[tuple[Json, Source]], options: Mapping[str, Any]) -> Iterator[Feedback | tuple[str, int]]:
    record, source = found[0]
    yield "repeated_feedback", len(found) - 1
    get = record.get
    ids = {name: text_of(get(name)) for name in _IDS}
    yield feedback(
        source,
        **ids,
        user_id=text_of(get("user_id")),
        name=text_of(get("name") or get("key")) or "feedback",
        value=next((get(name) for name in ("value", "score", "rating") if get(name) is not None), None),
        label=text_of(get("label")),
        comment=text_of(get("comment")),
        correction=_correction(get("correction")),
        source_kind=text_of(get("source_kind")),
        at_ns=nanoseconds(get("timestamp") or get("at") or get("created_at")),
    )


def _correction(raw: Json) -> Json:
    """A correction as it is; a number from CSV stays text."""
    return raw if isinstance(raw, str) else parsed(raw)
