"""Parse Phoenix (Arize): spans as data frame rows, from its REST interface and as OTLP pages, and annotations."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.formats import _otlp, _trace
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._json import Json, listing, mapping, number, text_of
from harness.ingest.formats._otlp import Event, Log, Span
from harness.ingest.formats._rows import by_dots, evaluation, rows
from harness.types import Call, Feedback, Source

RANK = 20
Piece = Span | Log
Options = _trace.Options

_KINDS = {"HUMAN": "human", "LLM": "judge", "CODE": "code"}
_CORRECTIONS = ("corrected_output", "correction", "expected_output")


def claims(record: dict[str, Json]) -> bool:
    first = next(iter(rows(record, "data")), {})
    keys = first.keys()
    return (
        {"annotation_name", "annotator_kind"} <= keys
        or ("annotator_kind" in keys and "result" in keys)
        or {"context.span_id", "span_kind"} <= keys
        or ("span_kind" in keys and "span_id" in mapping(first.get("context")))
        or ("start_time_unix_nano" in keys and isinstance(first.get("attributes"), list))
    )


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Piece]]:
    for row in rows(record, "data"):
        piece = _annotation(row) if "annotator_kind" in row else _span(row)
        yield piece.trace_id or f"span:{piece.span_id}", piece


def join(found: list[tuple[Piece, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | _trace.Count]:
    return _trace.read(found, options)


def _span(row: dict[str, Json]) -> Span:
    if "start_time_unix_nano" in row:
        return _trace.lean(_otlp.span(row, {}, "", ""))
    context = mapping(row.get("context")) or dict(by_dots(row, "context."))
    held = dict(by_dots(row, "attributes.")) or mapping(row.get("attributes"))
    found = Span(
        trace_id=text_of(context.get("trace_id")),
        span_id=text_of(context.get("span_id")),
        parent_id=text_of(row.get("parent_id")),
        name=text_of(row.get("name")),
        start_ns=nanoseconds(row.get("start_time")),
        end_ns=nanoseconds(row.get("end_time")),
        failed=row.get("status_code") == "ERROR",
        status=text_of(row.get("status_message")),
        attributes={**_unfolded(held), "openinference.span.kind": row.get("span_kind")},
        events=[_event(item) for item in map(mapping, listing(row.get("events")))],
    )
    if not found.span_id:
        raise ValueError("a span without an id")
    return _trace.lean(found)


def _unfolded(held: dict[str, Json]) -> dict[str, Json]:
    """Attributes that no convention names come nested under their first word: `app: {tags: [...]}`."""
    flat: dict[str, Json] = {}
    for name, value in held.items():
        if isinstance(value, dict) and "." not in name and name != "metadata":
            flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat


def _event(raw: dict[str, Json]) -> Event:
    held = {name: value for name, value in mapping(raw.get("attributes")).items() if value is not None}
    return Event(text_of(raw.get("name")), nanoseconds(raw.get("timestamp")), held)


def _annotation(row: dict[str, Json]) -> Log:
    result = mapping(row.get("result")) or dict(by_dots(row, "result."))
    metadata = mapping(row.get("metadata"))
    return evaluation(
        text_of(row.get("trace_id")),
        text_of(row.get("span_id")),
        row.get("annotation_name") or row.get("name"),
        value=number(result.get("score")),
        label=result.get("label"),
        comment=result.get("explanation"),
        correction=next((metadata[name] for name in _CORRECTIONS if metadata.get(name)), None),
        user_id=row.get("user_id") or metadata.get("user"),
        session_id=row.get("session_id"),
        source_kind=_KINDS.get(text_of(row.get("annotator_kind")).upper()),
        at_ns=nanoseconds(row.get("created_at")),
    )
