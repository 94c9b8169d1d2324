"""What the exporter writes, ingest reads."""

import json

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult

from harness.ingest.stage import ingest, link
from trueup.exporter import DayFileLogExporter, DayFileSpanExporter


def test_spans_and_feedback_of_the_real_sdk_come_back_as_calls(tmp_path):
    """A call traced with the OpenTelemetry SDK, and feedback logged on it, are read from the day files and linked."""
    provider, logs = TracerProvider(), LoggerProvider()
    provider.add_span_processor(SimpleSpanProcessor(DayFileSpanExporter(tmp_path)))
    logs.add_log_record_processor(SimpleLogRecordProcessor(DayFileLogExporter(tmp_path)))
    said = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
    answer = [{"role": "assistant", "parts": [{"type": "text", "content": "Hello"}], "finish_reason": "stop"}]
    with provider.get_tracer("app").start_as_current_span("chat") as span:
        span.set_attribute("gen_ai.operation.name", "chat")
        span.set_attribute("gen_ai.input.messages", json.dumps(said))
        span.set_attribute("gen_ai.output.messages", json.dumps(answer))
        held = {"gen_ai.evaluation.name": "thumb", "gen_ai.evaluation.score.value": -1.0, "app.correction": "Good day"}
        logs.get_logger("app").emit(LogRecord(event_name="gen_ai.evaluation.result", attributes=held))
    (batch,) = ingest([str(tmp_path)])
    (call,), (given,) = batch.calls, tuple(link(batch.calls, batch.feedback))
    assert (call.reply, call.usable) == ("Hello", True)
    assert (given.call_id, given.negative, given.correction) == (call.id, True, "Good day")


def test_a_writer_that_is_killed_costs_no_finished_line(tmp_path):
    """After a line that was torn by a kill, the next request begins on a line of its own; all finished ones are read."""
    exporter, provider = DayFileSpanExporter(tmp_path), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("app")
    chat = {"gen_ai.operation.name": "chat"}
    tracer.start_span("one", attributes=chat).end()
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    tracer.start_span("two", attributes=chat).end()
    (batch,) = ingest([str(tmp_path)])
    assert (len(batch.calls), len(batch.quarantined)) == (2, 1)


def test_a_full_disk_is_told_and_the_next_line_is_whole(tmp_path):
    """A write that is cut short is reported as a failure, and costs nothing but its own line."""
    import resource

    exporter, provider = DayFileSpanExporter(tmp_path), TracerProvider()
    span = provider.get_tracer("app").start_span("x", attributes={"gen_ai.operation.name": "chat", "note": "x" * 2000})
    span.end()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))
    try:
        assert exporter.export([span]) is SpanExportResult.FAILURE
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert exporter.export([span]) is SpanExportResult.SUCCESS
    (batch,) = ingest([str(tmp_path)])
    assert (len(batch.calls), len(batch.quarantined)) == (1, 1)


def test_a_folder_that_cannot_be_written_never_breaks_the_application(tmp_path):
    """When the day file cannot be opened the export fails quietly, with a warning."""
    exporter = DayFileSpanExporter(tmp_path / "traces")
    (tmp_path / "traces").rmdir()
    (tmp_path / "traces").touch()
    provider = TracerProvider()
    span = provider.get_tracer("app").start_span("x")
    span.end()
    assert exporter.export([span]) is SpanExportResult.FAILURE
