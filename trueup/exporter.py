"""Export trace files from an application in three lines, for trueup to read.

    from trueup.exporter import DayFileSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    provider.add_span_processor(BatchSpanProcessor(DayFileSpanExporter("traces")))

One file a day (UTC) in the folder, OTLP JSON lines, one export request a line; `DayFileLogExporter` does the same for log
records, which carry feedback and, in some instrumentations, the messages. A line is appended in one write, so several
processes may share a folder. A kill or a full disk costs at most the line that was being written: what follows begins on a
line of its own, and `trueup ingest` counts the torn one.
"""

import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from opentelemetry.exporter.otlp.json.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

_logger = logging.getLogger(__name__)


class _DayFiles:
    """Appends export requests to `<folder>/<kind>-<ISO date>.otlp.jsonl`."""

    def __init__(self, folder: str | os.PathLike[str], kind: str) -> None:
        self._folder, self._kind = Path(folder), kind
        self._folder.mkdir(parents=True, exist_ok=True)

    def append(self, request: dict[str, Any]) -> bool:
        """True when the line is on its way to the disk. An application never fails because its traces cannot be kept."""
        path = self._folder / f"{self._kind}-{datetime.now(UTC):%Y-%m-%d}.otlp.jsonl"
        try:
            line = orjson.dumps(request) + b"\n"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            try:
                line = b"\n" * _is_torn(handle) + line
                if os.write(handle, line) == len(line):
                    return True
                _logger.warning("traces were cut, since %s could not be written to its end", path)
                return False
            finally:
                os.close(handle)
        except (OSError, TypeError, ValueError) as error:
            _logger.warning("cannot write traces to %s: %s", path, error)
            return False


def _is_torn(handle: int) -> bool:
    """Whether a writer died in the middle of the last line."""
    size = os.fstat(handle).st_size
    return bool(size) and os.pread(handle, 1, size - 1) != b"\n"


class DayFileSpanExporter(SpanExporter):
    """Writes finished spans into day files of a folder, readable by the owner only."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._files = _DayFiles(folder, "spans")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        written = not spans or self._files.append(encode_spans(spans).to_dict())
        return SpanExportResult.SUCCESS if written else SpanExportResult.FAILURE


class DayFileLogExporter(LogRecordExporter):
    """Writes log records into day files of a folder: feedback events, and messages that are sent as events."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._files = _DayFiles(folder, "logs")

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        written = not batch or self._files.append(encode_logs(batch).to_dict())
        return LogRecordExportResult.SUCCESS if written else LogRecordExportResult.FAILURE

    def shutdown(self) -> None:
        """Nothing is held open between two exports."""

    def force_flush(self, timeout_millis: int = 10_000) -> bool:
        """True: every line is written when its export returns."""
        return True
