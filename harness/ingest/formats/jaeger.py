"""Parse traces of Jaeger's interface and query API: `{"data": [{"traceID", "spans", "processes"}]}`.

Specification: jaegertracing/jaeger, model/json/model.go. Times are in µs; tags are attributes, logs are events.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.barrier import Bad, each
from harness.ingest.formats import _trace
from harness.ingest.formats._json import Json, listing, loads, mapping, number, text_of
from harness.ingest.formats._otlp import KEPT, KINDS, Attributes, Event, Log, Span, identity
from harness.ingest.formats._rows import rows
from harness.types import Call, Feedback, Source

RANK, PAGES = 12, ("data",)
Piece = Span | Log
Options = _trace.Options


def claims(record: dict[str, Json]) -> bool:
    first = next(iter(rows(record, "data")), {})
    return {"traceID", "spans", "processes"} <= first.keys() and isinstance(first["spans"], list)


def pieces(record: dict[str, Json]) -> Iterator[tuple[str | None, Piece | Bad]]:
    processes = mapping(record.get("processes"))

    def read(item: Json) -> Iterator[tuple[str, Piece]]:
        raw = mapping(item)
        process = mapping(raw.get("process") or processes.get(text_of(raw.get("processID"))))
        span = _span(raw, process)
        yield span.trace_id, _trace.lean(span)

    yield from each(listing(record.get("spans")), read)


def join(found: list[tuple[Piece, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | _trace.Count]:
    return _trace.read(found, options)


def _span(raw: dict[str, Json], process: dict[str, Json]) -> Span:
    held = _tags(raw.get("tags"))
    start, length = _microseconds(raw.get("startTime")), _microseconds(raw.get("duration"))
    span = Span(
        trace_id=_padded(raw.get("traceID"), 16),
        span_id=_padded(raw.get("spanID"), 8),
        parent_id=_padded(raw.get("parentSpanID") or _parent(raw), 8),
        name=text_of(raw.get("operationName")),
        kind=KINDS.get(text_of(held.get("span.kind")).upper(), 0),
        start_ns=start,
        end_ns=start + length,
        failed=held.get("error") is True or held.get("otel.status_code") == "ERROR",
        status=text_of(held.get("otel.status_description")),
        attributes=held,
        events=[_event(item) for item in map(mapping, listing(raw.get("logs")))],
        resource=_resource(process),
        scope=text_of(held.get("otel.scope.name") or held.get("otel.library.name")),
        version=text_of(held.get("otel.scope.version") or held.get("otel.library.version")),
        dropped=int(number(held.get("otel.dropped_attributes_count")) or 0),
    )
    if not (span.trace_id and span.span_id):
        raise ValueError("a span without ids")
    return span


def _padded(raw: Json, size: int) -> str:
    """Jaeger leaves out leading zeros."""
    return identity(text_of(raw).rjust(2 * size, "0") if raw else "", size)


def _parent(raw: dict[str, Json]) -> Json:
    references = [mapping(item) for item in listing(raw.get("references"))]
    children = (item.get("spanID") for item in references if item.get("refType") == "CHILD_OF")
    return next(children, None)


def _tags(raw: Json) -> Attributes:
    """Tags with the type they had: a list comes as JSON text of type string, and numbers may come as text."""
    return {text_of(tag.get("key")): _typed(tag) for tag in map(mapping, listing(raw)) if tag.get("key")}


def _typed(tag: dict[str, Json]) -> Json:
    kind, value = text_of(tag.get("type")), tag.get("value")
    if isinstance(value, str) and kind in ("int64", "float64", "bool"):
        try:
            return loads(value)
        except ValueError:
            return value
    return value


def _event(raw: dict[str, Json]) -> Event:
    held = _tags(raw.get("fields"))
    return Event(text_of(held.pop("event", held.pop("name", ""))), _microseconds(raw.get("timestamp")), held)


def _microseconds(raw: Json) -> int:
    found = number(raw)
    return int(raw) * 1_000 if isinstance(raw, int) else int(found * 1_000) if found and found > 0 else 0


def _resource(process: dict[str, Json]) -> Attributes:
    held = {"service.name": process.get("serviceName"), **_tags(process.get("tags"))}
    return {name: held[name] for name in KEPT if held.get(name)}
