"""Tell before a request is acknowledged whether ingest can store what is in it, by ingest's own parser."""

from typing import Any

import msgspec

from harness.core import codec
from harness.ingest.barrier import Bad
from harness.ingest.collector.traces import LEVELS, Record
from harness.ingest.formats import _otlp, otlp
from harness.types import Noun, Source

READERS = {"resourceSpans": _otlp.spans, "resourceLogs": _otlp.logs}
SOURCE = Source(format="otlp")


def why_not(field: str, item: Record) -> str:
    """Why ingest could not store a span or log record; empty when it could, or will say itself that it is unreadable."""
    outer, middle, inner = next(level for level in LEVELS if level[0] == field)
    if not isinstance(item, dict):
        return "a span or log record that is no object"
    found = READERS[field]({outer: [{middle: [{inner: [item]}]}]})
    return next((why for piece in found if not isinstance(piece, Bad) and (why := why_not_stored(piece))), "")


def why_not_stored(piece: Any) -> str:
    """Why a parsed span or log record cannot go the way of ingest: packed, unpacked as its type, joined, encoded."""
    try:
        again = msgspec.msgpack.decode(msgspec.msgpack.encode(piece), type=type(piece))
        for made in otlp.join([(again, SOURCE)], {}):
            if isinstance(made, Noun):
                msgspec.json.decode(codec.encode(made), type=type(made))
    except Exception as error:  # whatever it is, ingest would meet it too
        return f"cannot be stored: {type(error).__name__}: {error}"[:300]
    return ""
