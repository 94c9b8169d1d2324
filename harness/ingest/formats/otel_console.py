"""Parse spans and log records as OpenTelemetry's console exporters print them, in Python and in JavaScript (as JSON), and
JavaScript's spans as `JSON.stringify` writes them (`spanContext`)."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.formats import _trace
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._fates import Passed
from harness.ingest.formats._json import Json, listing, mapping, text_of
from harness.ingest.formats._otlp import KEPT, KINDS, Attributes, Event, Log, Span, identity
from harness.types import Call, Feedback, Source

RANK = 14
Piece = Span | Log


def claims(record: dict[str, Json]) -> bool:
    keys = record.keys()
    python = text_of(record.get("kind")).startswith("SpanKind.") and "trace_id" in mapping(record.get("context"))
    script = {"traceId", "id", "timestamp", "duration", "kind", "attributes", "status"} <= keys
    return (
        python
        or script
        or _is_readable(record)
        or {"body", "severity_number", "trace_id", "span_id", "attributes"} <= keys
    )


def _is_readable(record: dict[str, Json]) -> bool:
    return "attributes" in record and "traceId" in mapping(
        next((record[key] for key in _CONTEXTS if key in record), None)
    )


_CONTEXTS = ("spanContext", "_spanContext")


def pieces(record: dict[str, Json]) -> Iterator[tuple[str | None, Piece | Passed]]:
    if "body" in record:
        log = _log(record)
        yield (log.trace_id, log) if _trace.matters(log) else (None, Passed("log record"))
        return
    span = _script(record) if "traceId" in record else _readable(record) if _is_readable(record) else _python(record)
    if not span.span_id or not span.trace_id:
        raise ValueError("a span without ids")
    yield span.trace_id, _trace.lean(span)


def join(found: list[tuple[Piece, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | _trace.Count]:
    return _trace.read(found, options)


def _id(raw: Json, size: int) -> str:
    return identity(text_of(raw).removeprefix("0x"), size)


def _python(record: dict[str, Json]) -> Span:
    context, status = mapping(record.get("context")), mapping(record.get("status"))
    return Span(
        trace_id=_id(context.get("trace_id"), 16),
        span_id=_id(context.get("span_id"), 8),
        parent_id=_id(record.get("parent_id"), 8),
        name=text_of(record.get("name")),
        kind=KINDS.get(text_of(record["kind"]).partition(".")[2], 0),
        start_ns=nanoseconds(record.get("start_time")),
        end_ns=nanoseconds(record.get("end_time")),
        failed=status.get("status_code") == "ERROR",
        status=text_of(status.get("description")),
        attributes=mapping(record.get("attributes")),
        events=[_event(item) for item in map(mapping, listing(record.get("events")))],
        resource=_resource(record),
        scope=text_of(mapping(record.get("instrumentation_scope")).get("name")),
    )


def _script(record: dict[str, Json]) -> Span:
    """A span of JavaScript: times in microseconds, kinds from 0 and not from 1."""
    start, took = (int(float(record[name]) * 1_000) for name in ("timestamp", "duration"))
    status, kind = mapping(record["status"]), record["kind"]
    above = record.get("parentId") or mapping(record.get("parentSpanContext")).get("spanId")
    return Span(
        trace_id=_id(record["traceId"], 16),
        span_id=_id(record["id"], 8),
        parent_id=_id(above, 8),
        name=text_of(record.get("name")),
        kind=kind + 1 if isinstance(kind, int) else 0,
        start_ns=start,
        end_ns=start + took,
        failed=status.get("code") == 2,
        status=text_of(status.get("message")),
        attributes=mapping(record["attributes"]),
        events=[_event(item) for item in map(mapping, listing(record.get("events")))],
        resource=_resource(record),
        scope=text_of(mapping(record.get("instrumentationScope")).get("name")),
    )


def _readable(record: dict[str, Json]) -> Span:
    """A span of JavaScript as the SDK holds it: times as pairs of seconds and nanoseconds."""
    context, status = mapping(next(record[key] for key in _CONTEXTS if key in record)), mapping(record.get("status"))
    above = record.get("parentSpanId") or mapping(record.get("parentSpanContext")).get("spanId")
    library = record.get("instrumentationScope") or record.get("instrumentationLibrary")
    kind = record.get("kind")
    return Span(
        trace_id=_id(context.get("traceId"), 16),
        span_id=_id(context.get("spanId"), 8),
        parent_id=_id(above, 8),
        name=text_of(record.get("name")),
        kind=kind + 1 if isinstance(kind, int) else 0,
        start_ns=_moment(record.get("startTime")),
        end_ns=_moment(record.get("endTime")),
        failed=status.get("code") == 2,
        status=text_of(status.get("message")),
        attributes=mapping(record["attributes"]),
        events=[_event(item) for item in map(mapping, listing(record.get("events")))],
        resource=_resource(record),
        scope=text_of(mapping(library).get("name")),
    )


def _moment(at: Json) -> int:
    if isinstance(at, list) and len(at) == 2:  # seconds and nanoseconds
        return int(at[0]) * 10**9 + int(at[1])
    return nanoseconds(at)


def _event(raw: dict[str, Json]) -> Event:
    at = _moment(raw.get("timestamp") or raw.get("time"))
    return Event(text_of(raw.get("name")), at, mapping(raw.get("attributes")))


def _resource(record: dict[str, Json]) -> Attributes:
    held = mapping(mapping(record.get("resource")).get("attributes"))
    return {name: held[name] for name in KEPT if name in held}


def _log(record: dict[str, Json]) -> Log:
    held = mapping(record.get("attributes"))
    return Log(
        trace_id=_id(record["trace_id"], 16),
        span_id=_id(record["span_id"], 8),
        name=text_of(record.get("event_name") or held.get("event.name")),
        at_ns=nanoseconds(record.get("timestamp") or record.get("observed_timestamp")),
        attributes=held,
        body=record["body"],
        resource=_resource(record),
    )
