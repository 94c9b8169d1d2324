"""Decode the two accepted signals, traces and logs, and encode the answers (OTLP 1.x, over HTTP)."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from harness.ingest.barrier import Bad
from harness.ingest.collector import ingestible
from harness.ingest.collector.traces import Record, items, kept
from harness.ingest.formats import _otlp
from harness.ingest.formats._json import loads

JSON, PROTOBUF = "application/json", "application/x-protobuf"

LARGEST_ITEM = 4 << 20
"""Bytes of one span or log record as JSON; a larger one is refused, the others of its request are taken."""


class Signal(NamedTuple):
    field: str
    """The only field a request has, in JSON."""
    request: Any
    response: Any
    rejected: str
    """The field of a partial success that counts what was refused, in protobuf."""
    read: Callable[[Record], Iterator[Any]]
    """Items as ingest will read them; a text for one that it cannot."""


TRACES = Signal("resourceSpans", ExportTraceServiceRequest, ExportTraceServiceResponse, "rejected_spans", _otlp.spans)
LOGS = Signal("resourceLogs", ExportLogsServiceRequest, ExportLogsServiceResponse, "rejected_log_records", _otlp.logs)
PATHS = {"/v1/traces": TRACES, "/v1/logs": LOGS}


class Checked(NamedTuple):
    records: list[Record]
    """What is to be kept: the request as OTLP JSON, or nothing."""
    items: int
    rejected: int
    reason: str


def parsed(signal: Signal, body: bytes, media: str) -> Record:
    """A request as OTLP JSON. Raises ValueError when it is none."""
    if media == PROTOBUF:
        message = signal.request()
        try:
            message.ParseFromString(body)
        except DecodeError as error:
            raise ValueError(f"not an OTLP request in protobuf: {error}") from None
        return as_json(message)
    value = loads(body)
    if not isinstance(value, dict) or not isinstance(value.get(signal.field, []), list):
        raise ValueError("not an OTLP request in JSON")
    return {signal.field: value.get(signal.field, [])}


def as_json(message: Any) -> Record:
    found: Record = MessageToDict(message)
    return found


def checked(signal: Signal, record: Record, size: int) -> Checked:
    """What of a request is kept, and what is refused: what is too large, what ingest could not store, and, kept for the
    quarantine, what is unreadable. Raises ValueError when nothing that can be ingested is left of it."""
    try:
        total = sum(1 for _ in items(record))
        large = {id(item) for item in items(record) if size > LARGEST_ITEM and _size(item) > LARGEST_ITEM}
        wrong = {
            id(item): why
            for item in items(record)
            if id(item) not in large and (why := ingestible.why_not(signal.field, item))
        }
        records = kept(record, lambda item: id(item) not in large and id(item) not in wrong)
        found = [item for one in records for item in signal.read(one)]
    except (TypeError, AttributeError, KeyError, RecursionError) as error:
        raise ValueError(f"not an OTLP request: {error}") from None
    broken = [item.reason for item in found if isinstance(item, Bad)]
    reasons = [f"larger than {LARGEST_ITEM} bytes"] * bool(large) + [*wrong.values()][:1] + broken[:1]
    if wrong and not found:
        raise ValueError(reasons[-1])
    for item in found:
        if not isinstance(item, Bad) and (why := ingestible.why_not_stored(item)):
            raise ValueError(why)  # what is wrong stands in the resource or the scope, which all its items have
    return Checked(records, total, len(large) + len(wrong) + len(broken), "; ".join(reasons))


def answer(signal: Signal, media: str, rejected: int, reason: str) -> bytes:
    """The body of a success; of a partial one when something was refused."""
    message = signal.response()
    if rejected:
        setattr(message.partial_success, signal.rejected, rejected)
        message.partial_success.error_message = reason[:500]
    return message.SerializeToString() if media == PROTOBUF else msgspec.json.encode(MessageToDict(message))


def refusal(media: str, reason: str) -> bytes:
    """The body of a failure: google.rpc.Status with only its message (field 2, a string)."""
    if media == PROTOBUF:
        return b"\x12" + _text(reason)
    return msgspec.json.encode({"message": reason[:500]})


def _text(reason: str) -> bytes:
    data = reason.encode()[:120]  # below 128, so that its length is one byte
    return bytes([len(data)]) + data


def _size(item: Record) -> int:
    return len(msgspec.json.encode(item))
