"""Decode OTLP as protobuf: one request a file, or requests one after the other with their length."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_LENGTH = struct.Struct(">I")
_AFTER_2001 = 10**18


def request(data: bytes) -> dict[str, Any]:
    """An export request as OTLP JSON with base64 ids. Raises ValueError when it is neither traces nor logs.

    Bytes of one kind often parse as the other, so what was parsed must make sense: ids of the right length, and times.
    """
    for kind, sensible in ((ExportTraceServiceRequest, _traces), (ExportLogsServiceRequest, _logs)):
        message = kind()
        try:
            message.ParseFromString(data)
        except DecodeError:
            continue
        if sensible(message):
            plain: dict[str, Any] = MessageToDict(message)
            return plain
    raise ValueError("neither an OTLP trace request nor an OTLP log request")


def messages(read: Callable[[int], bytes], most: int) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each message of a length-prefixed stream. Raises ValueError where it is cut, or longer than
    `most` bytes."""
    number = 0
    while head := read(4):
        number += 1
        length = _LENGTH.unpack(head)[0] if len(head) == 4 else most + 1
        body = read(length) if length <= most else b""
        if len(body) != length:
            raise ValueError(f"message {number} is cut or has no sensible length")
        yield number, body


def _traces(message: Message) -> bool:
    spans = [s for entry in message.resource_spans for scoped in entry.scope_spans for s in scoped.spans]
    return bool(spans) and all(
        len(s.trace_id) == 16 and len(s.span_id) == 8 and s.start_time_unix_nano > _AFTER_2001 for s in spans
    )


def _logs(message: Message) -> bool:
    logs = [log for entry in message.resource_logs for scoped in entry.scope_logs for log in scoped.log_records]
    return bool(logs) and all(
        len(log.trace_id) in (0, 16)
        and len(log.span_id) in (0, 8)
        and max(log.time_unix_nano, log.observed_time_unix_nano) > _AFTER_2001
        for log in logs
    )
