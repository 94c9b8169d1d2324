"""Parse OTLP exports of traces and logs: spans and log records of one trace, from any files."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.barrier import Bad
from harness.ingest.formats import _trace
from harness.ingest.formats._fates import Passed
from harness.ingest.formats._json import Json
from harness.ingest.formats._otlp import Log, Span, logs, resources, spans
from harness.types import Call, Feedback, Source

RANK = 10

Piece = Span | Log
Options = _trace.Options


def claims(record: dict[str, Json]) -> bool:
    return bool(
        resources(record, "resourceSpans", "resource_spans", "resourceLogs", "resource_logs")
        or any(
            "scopeSpans" in entry or "instrumentationLibrarySpans" in entry for entry in resources(record, "batches")
        )
        or {"resourceMetrics", "resource_metrics"} & record.keys()
    )


def pieces(record: dict[str, Json]) -> Iterator[tuple[str | None, Piece | Passed | Bad]]:
    """Spans and the log records that say something of a call, each under its trace id; a broken one with its reason."""
    for span in spans(record):
        if isinstance(span, Bad):
            yield None, span
        else:
            yield span.trace_id, _trace.lean(span)
    if {"resourceMetrics", "resource_metrics"} & record.keys():
        yield None, Passed("metrics")
    for log in logs(record):
        if isinstance(log, Bad):
            yield None, log
        elif not _trace.matters(log):
            yield None, Passed("log record")
        else:
            yield log.trace_id or f"response:{log.attributes.get('gen_ai.response.id') or ''}", log


def join(found: list[tuple[Piece, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | _trace.Count]:
    """Calls and feedback of one trace. A text counts one of that name."""
    return _trace.read(found, options)
