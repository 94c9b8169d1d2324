"""Parse OpenTelemetry's wire format as JSON: spans and log records in every spelling that is met.

camelCase and snake_case keys, ids in hex or base64, enums as numbers or names, numbers as text, every arm of a oneof
present as null, `batches` of Grafana Tempo, `instrumentationLibrarySpans` of old collectors.
Specification: opentelemetry-proto 1.x, trace.proto, logs.proto and common.proto, and the OTLP/JSON mapping.
"""

import base64
import binascii
from collections.abc import Iterator
from functools import partial
from typing import Any

from msgspec import Struct

from harness.ingest.barrier import Bad, start_of, tried
from harness.ingest.formats._json import Json

Attributes = dict[str, Json]

KINDS = {"SPAN_KIND_INTERNAL": 1, "SPAN_KIND_SERVER": 2, "SPAN_KIND_CLIENT": 3}
KINDS |= {name.removeprefix("SPAN_KIND_"): kind for name, kind in KINDS.items()}
SERVER, CLIENT = 2, 3
ERROR = 2


class Event(Struct, array_like=True, gc=False):
    name: str
    at_ns: int
    attributes: Attributes


class Span(Struct, array_like=True, tag="span", gc=False):
    trace_id: str
    span_id: str
    parent_id: str = ""
    name: str = ""
    kind: int = 0
    start_ns: int = 0
    end_ns: int = 0
    failed: bool = False
    status: str = ""
    attributes: Attributes = {}
    events: list[Event] = []
    resource: Attributes = {}
    scope: str = ""
    version: str = ""
    dropped: int = 0
    """Attributes and events that a limit of the SDK dropped."""

    @property
    def producer(self) -> str:
        """Who recorded it: the instrumentation library."""
        return self.scope


class Log(Struct, array_like=True, tag="log", gc=False):
    trace_id: str
    span_id: str
    name: str = ""
    at_ns: int = 0
    attributes: Attributes = {}
    body: Json = None
    resource: Attributes = {}
    scope: str = ""
    version: str = ""

    @property
    def producer(self) -> str:
        """None that matters: a log record completes a call that its span tells of."""
        return ""


def resources(record: dict[str, Json], *names: str) -> list[dict[str, Json]]:
    """The resource entries of a record under any of `names`, also one level down (`{"trace": {...}}` of Tempo)."""
    for holder in (record, record.get("trace"), record.get("data")):
        if isinstance(holder, dict):
            for name in names:
                if isinstance(holder.get(name), list):
                    return [item for item in holder[name] if isinstance(item, dict)]
    return []


def spans(record: dict[str, Json]) -> Iterator[Span | Bad]:
    """All spans of a record; for one that cannot be read, the reason."""
    for entry in resources(record, "resourceSpans", "resource_spans", "batches"):
        resource = tried(partial(_resource, entry), _nothing)
        for scoped in _some(entry, "scopeSpans", "scope_spans", "instrumentationLibrarySpans"):
            scope = _get(scoped, "scope", "instrumentationLibrary") or {}
            for raw in _some(scoped, "spans"):
                yield _tried(span, raw, resource, scope)


def logs(record: dict[str, Json]) -> Iterator[Log | Bad]:
    """All log records; for one that cannot be read, the reason."""
    for entry in resources(record, "resourceLogs", "resource_logs"):
        resource = tried(partial(_resource, entry), _nothing)
        for scoped in _some(entry, "scopeLogs", "scope_logs", "instrumentationLibraryLogs"):
            scope = _get(scoped, "scope", "instrumentationLibrary") or {}
            for raw in _some(scoped, "logRecords", "log_records"):
                yield _tried(log, raw, resource, scope)


def _tried(read: Any, raw: dict[str, Json], resource: Attributes, scope: dict[str, Json]) -> Any:
    return tried(
        lambda: read(raw, resource, str(scope.get("name") or ""), str(scope.get("version") or "")),
        lambda reason: Bad(reason, 0, start_of(raw)),
        f"a {read.__name__} that cannot be read",
    )


def span(raw: dict[str, Json], resource: Attributes, scope: str, version: str) -> Span:
    """One span. Raises ValueError when it has no id."""
    get = raw.get
    status = get("status") or {}
    events = [_event(item) for item in get("events") or ()]
    found = Span(
        trace_id=identity(get("traceId") or get("trace_id"), 16),
        span_id=identity(get("spanId") or get("span_id"), 8),
        parent_id=identity(get("parentSpanId") or get("parent_span_id"), 8),
        name=str(get("name") or ""),
        kind=_enum(get("kind"), KINDS),
        start_ns=_nanoseconds(get("startTimeUnixNano") or get("start_time_unix_nano")),
        end_ns=_nanoseconds(get("endTimeUnixNano") or get("end_time_unix_nano")),
        failed=status.get("code") in (ERROR, "STATUS_CODE_ERROR", "ERROR", "2"),
        status=str(status.get("message") or ""),
        attributes=attributes(get("attributes")),
        events=events,
        resource=resource,
        scope=scope,
        version=version,
        dropped=int(get("droppedAttributesCount") or get("dropped_attributes_count") or 0)
        + int(get("droppedEventsCount") or get("dropped_events_count") or 0),
    )
    if not found.span_id or not found.trace_id:
        raise ValueError("a span without ids")
    return found


def log(raw: dict[str, Json], resource: Attributes, scope: str, version: str) -> Log:
    held = attributes(raw.get("attributes"))
    body = any_value(raw.get("body"))
    name = raw.get("eventName") or raw.get("event_name") or held.get("event.name")
    if not name and isinstance(body, dict):
        name = body.get("event.name")
    return Log(
        trace_id=identity(raw.get("traceId") or raw.get("trace_id"), 16),
        span_id=identity(raw.get("spanId") or raw.get("span_id"), 8),
        name=str(name or ""),
        at_ns=_nanoseconds(
            raw.get("timeUnixNano")
            or raw.get("time_unix_nano")
            or raw.get("observedTimeUnixNano")
            or raw.get("observed_time_unix_nano")
        ),
        attributes=held,
        body=body,
        resource=resource,
        scope=scope,
        version=version,
    )


def attributes(raw: Any) -> Attributes:
    """A list of key and AnyValue as a map; a map is taken as it is."""
    if isinstance(raw, list):
        found: Attributes = {}
        for item in raw:
            key, value = item.get("key"), item.get("value")
            if isinstance(key, str):
                # the commonest arm is asked here, to save a call
                text = value.get("stringValue") if isinstance(value, dict) else None
                found[key] = any_value(value) if text is None else text
        return found
    return raw if isinstance(raw, dict) else {}


def any_value(raw: Any) -> Json:
    """The value of an AnyValue; None for an empty one; the first arm that is not null where all are present."""
    if not isinstance(raw, dict):
        return raw
    for arm, value in raw.items():
        if value is not None and arm in _ARMS:
            read = _ARMS[arm]
            return value if read is None else read(value)
    return None


def identity(raw: Any, size: int) -> str:
    """An id of `size` bytes as lower-case hex, from hex or base64; an odd one stays as it came; all zero is none."""
    if not isinstance(raw, str) or not raw:
        return ""
    if len(raw) == 2 * size:
        found = raw.lower()
        return "" if found.strip("0") == "" else found
    try:
        decoded = base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError):
        return raw
    return decoded.hex() if len(decoded) == size and any(decoded) else "" if not any(decoded) else raw


def _event(raw: dict[str, Json]) -> Event:
    at = _nanoseconds(raw.get("timeUnixNano") or raw.get("time_unix_nano"))
    return Event(str(raw.get("name") or ""), at, attributes(raw.get("attributes")))


def _resource(entry: dict[str, Json]) -> Attributes:
    held = attributes((entry.get("resource") or {}).get("attributes"))
    return {name: held[name] for name in KEPT if name in held}


KEPT = ("service.name", "service.version", "deployment.environment.name", "session.id", "user.id")
"""Attributes of the resource that a call inherits; hosts, processes and paths are left behind."""


def _nothing(_: str) -> Attributes:
    return {}


def _some(entry: dict[str, Json], *names: str) -> list[dict[str, Json]]:
    found = _get(entry, *names)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _get(entry: dict[str, Json], *names: str) -> Any:
    return next((entry[name] for name in names if entry.get(name) is not None), None)


def _enum(raw: Any, named: dict[str, int]) -> int:
    return raw if isinstance(raw, int) else named.get(str(raw), 0)


def _nanoseconds(raw: Any) -> int:
    """OTLP times are ns, as text or number; nothing is guessed from the size. 0 when there is none or it is no time."""
    try:
        found = int(raw or 0)
    except (TypeError, ValueError, OverflowError):
        return 0
    return found if 0 < found < 2**63 else 0


def _list_value(value: Any) -> list[Json]:
    inner = value.get("values") if isinstance(value, dict) else value
    return [any_value(item) for item in inner or ()]


def _map_value(value: Any) -> Attributes:
    return attributes(value.get("values") if isinstance(value, dict) else value)


_ARMS: dict[str, Any] = {
    **dict.fromkeys(("stringValue", "string_value", "boolValue", "bool_value", "bytesValue", "bytes_value"), None),
    **dict.fromkeys(("intValue", "int_value"), int),
    **dict.fromkeys(("doubleValue", "double_value"), float),
    **dict.fromkeys(("arrayValue", "array_value"), _list_value),
    **dict.fromkeys(("kvlistValue", "kvlist_value"), _map_value),
}
