"""Export runs as OpenTelemetry traces: to a file, or to whatever speaks OTLP over HTTP.

A case under an arm is one trace: a span for the case, below it one span a call of the model under the GenAI semantic
conventions (1.41), and an event `gen_ai.evaluation.result` a score, as a log record on the last call. Trace ids come
from the run's content id, so a run that is exported twice is stored once.

Calls of the model are those that write text. What a model was asked to choose from has the operation `loglikelihood`,
which is not a call that could be learnt from.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.json.file._log_exporter import FileLogExporter
from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.exporter.otlp.json.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

from harness.core.codec import digest
from harness.errors import InputError, TrueupError
from harness.evaluate.runner.genai_spans import OPERATIONS, answered, asked
from harness.evaluate.runner.model import Exchange
from harness.types import (
    Arm,
    Result,
    Run,
    Score,
)

Told = Callable[[Arm, Result], Sequence[Exchange]]
"""What was asked and answered for one result."""
BATCH = 256
"""Records of one export request."""
NO_LIMITS = SpanLimits(
    max_span_attributes=SpanLimits.UNSET,
    max_span_attribute_length=SpanLimits.UNSET,
    max_attribute_length=SpanLimits.UNSET,
)
"""Messages are written whole, whatever the environment says."""


def export(runs: Sequence[Run], exchanges: Told, target: str) -> None:
    """Write every result of `runs` to `target`: an http(s) address (the collector's base), or a file, made anew.

    Raises InputError when the file cannot be written, TrueupError when the endpoint does not take the traces.
    """
    with _providers(target) as (spans, logs, ids):
        tracer, logger = spans.get_tracer("trueup"), logs.get_logger("trueup")
        for run in runs:
            for result in run.results:
                ids.seed([run.id, run.arm.name, result.suite, result.case_id, result.repeat])
                _case(tracer, logger, run, result, exchanges(run.arm, result))


def _case(tracer: Any, logger: Any, run: Run, result: Result, exchanges: Sequence[Exchange]) -> None:
    start = exchanges[0].start_ns if exchanges else run.started_ns
    end = exchanges[-1].end_ns if exchanges else start
    root = tracer.start_span(f"{result.suite} {result.case_id}", start_time=start, attributes=_named(run, result))
    if result.error:
        root.set_status(Status(StatusCode.ERROR, result.error))
    inside = set_span_in_context(root)
    last: Span = root
    for exchange in exchanges:
        last = tracer.start_span(
            f"{OPERATIONS[exchange.request.kind]} {_model(run.arm)}",
            context=inside,
            kind=SpanKind.CLIENT,
            start_time=exchange.start_ns,
            attributes=asked(_model(run.arm), run.arm.backend, exchange.request, _conversation(root)),
        )
        answered(last, exchange)
        last.end(exchange.end_ns)
    for score in result.scores:
        logger.emit(_evaluation(score, end, last))
    root.end(end)


def _named(run: Run, result: Result) -> dict[str, Any]:
    named = {
        "test.suite.name": result.suite,
        "test.case.name": result.case_id,
        "trueup.arm": run.arm.name,
        "trueup.repeat": result.repeat,
        "trueup.run": run.id,
        "trueup.model_digest": run.model_digest,
    }
    return {**named, "trueup.skipped": result.skipped} if result.skipped else named


def _model(arm: Arm) -> str:
    return Path(arm.model).name or arm.name


def _conversation(root: Span) -> str:
    return trace.format_trace_id(root.get_span_context().trace_id)


def _evaluation(score: Score, at_ns: int, span: Span) -> LogRecord:
    held: dict[str, Any] = {"gen_ai.evaluation.name": score.name, "gen_ai.evaluation.score.value": score.value}
    if score.label:
        held["gen_ai.evaluation.score.label"] = score.label
    if score.explanation:
        held["gen_ai.evaluation.explanation"] = score.explanation
    return LogRecord(
        timestamp=at_ns,
        observed_timestamp=at_ns,
        context=set_span_in_context(span),
        event_name="gen_ai.evaluation.result",
        attributes=held,
    )


# ---------------------------------------------------------------- the SDK


class _Ids(IdGenerator):
    """Ids drawn from a seed, so that the same result has the same trace."""

    def seed(self, value: Any) -> None:
        self._draw = random.Random(digest(value))

    def generate_trace_id(self) -> int:
        return self._draw.getrandbits(128) or 1

    def generate_span_id(self) -> int:
        return self._draw.getrandbits(64) or 1


class _Batch(SpanProcessor, LogRecordProcessor):
    """Hands records on in batches and drops none: the SDK's own batching drops what comes too fast."""

    def __init__(self, send: Callable[[Sequence[Any]], Any], target: str) -> None:
        self._send, self._target = send, target
        self._held: list[Any] = []

    def on_end(self, span: ReadableSpan) -> None:
        self._add(span)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        resource = log_record.resource or Resource.get_empty()
        scope, limits = log_record.instrumentation_scope, log_record.limits
        self._add(ReadableLogRecord(log_record.log_record, resource, scope, limits))

    def flush(self) -> None:
        batch, self._held = self._held, []
        if batch and getattr(self._send(batch), "name", "") != "SUCCESS":
            raise TrueupError("the traces were not taken", where=self._target, next="check the address and try again")

    def _add(self, record: Any) -> None:
        self._held.append(record)
        if len(self._held) >= BATCH:
            self.flush()

    def shutdown(self) -> None:
        """Everything was flushed, or an error says that it was not."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


@contextmanager
def _providers(target: str) -> Iterator[tuple[TracerProvider, LoggerProvider, _Ids]]:
    resource = Resource.create({"service.name": "trueup"})
    ids = _Ids()
    with _exporters(target) as (span_exporter, log_exporter):
        batches = _Batch(span_exporter.export, target), _Batch(log_exporter.export, target)
        spans = TracerProvider(ALWAYS_ON, resource, False, id_generator=ids, span_limits=NO_LIMITS)
        logs = LoggerProvider(resource, shutdown_on_exit=False)
        spans.add_span_processor(batches[0])
        logs.add_log_record_processor(batches[1])
        yield spans, logs, ids
        for batch in batches:
            batch.flush()


@contextmanager
def _exporters(target: str) -> Iterator[tuple[Any, Any]]:
    if target.startswith(("http://", "https://")):
        base = target.rstrip("/")
        yield OTLPSpanExporter(f"{base}/v1/traces"), OTLPLogExporter(f"{base}/v1/logs")
        return
    try:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        with open(target, "w", encoding="utf-8") as stream:
            yield FileSpanExporter(stream=stream), FileLogExporter(stream=stream)
    except OSError as error:
        raise InputError(f"the traces cannot be written: {error.strerror}", where=target) from error
