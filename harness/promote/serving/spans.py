"""Trace served calls: a GenAI span each, with the content id of what answered, into the store's inbox or to an OTLP address.

What is in the inbox is redacted and durable, and `trueup ingest` reads it like what `trueup collect` received. A call is
answered whether or not its trace can be kept; what could not be kept is counted.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from harness.evaluate.runner.genai_spans import OPERATIONS, answered, asked
from harness.evaluate.runner.model import Exchange
from harness.ingest.collector import signals
from harness.ingest.collector.receiver import Receiver
from harness.promote.serving.names import NamedModel
from harness.types import SERVED, SHADOW

DELAY_MS = 1000.0
"""How long a span may wait for others before it is handed on."""
WHOLE = SpanLimits(
    max_span_attributes=SpanLimits.UNSET,
    max_span_attribute_length=SpanLimits.UNSET,
    max_attribute_length=SpanLimits.UNSET,
)
"""Messages are written whole, whatever the environment says."""


class ServedCaller(NamedTuple):
    """Who asked, as far as the request says."""

    session: str = ""
    user: str = ""
    shadow: bool = False
    """The request was mirrored: nobody is shown the answer."""
    parent: Mapping[str, str] = {}
    """`traceparent` and `tracestate` of the application's own span."""


class InboxExporter(SpanExporter):
    """Writes spans into an inbox, in this process."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            self._receiver.take(signals.TRACES, orjson.dumps(encode_spans(spans).to_dict()), signals.JSON)
            return SpanExportResult.SUCCESS
        except Exception as error:  # a full disk, a detector that fails: the calls were answered all the same
            self._receiver.counts["failed"] += 1
            self._receiver.note(f"traces of {len(spans)} calls were not kept: {error}")
            return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self._receiver.close()


class ServedSpans:
    """Traces the calls of one server."""

    def __init__(self, exporter: SpanExporter, service: str) -> None:
        self._provider = TracerProvider(
            ALWAYS_ON, Resource.create({"service.name": service}), shutdown_on_exit=False, span_limits=WHOLE
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=DELAY_MS))
        self._tracer = self._provider.get_tracer("trueup.serve")

    def add(self, name: str, served: NamedModel, exchange: Exchange, caller: ServedCaller) -> None:
        """One call, from its request to its answer. `name`: what the client asked for."""
        request = exchange.request
        span = self._tracer.start_span(
            f"{OPERATIONS[request.kind]} {name}",
            context=TraceContextTextMapPropagator().extract(caller.parent),
            kind=SpanKind.SERVER,
            start_time=exchange.start_ns,
            attributes=asked(name, served.arm.backend, request, caller.session),
        )
        answered(span, exchange)
        span.set_attributes({"gen_ai.response.model": served.name, SERVED: served.ident or served.name})
        if caller.user:
            span.set_attribute("user.id", caller.user)
        if caller.shadow:
            span.set_attribute(SHADOW, True)
        span.end(exchange.end_ns)

    def close(self) -> None:
        """Hand on what waits."""
        self._provider.shutdown()


def to_address(address: str) -> SpanExporter:
    """An exporter to what speaks OTLP over HTTP; `address` is the collector's base."""
    return OTLPSpanExporter(endpoint=f"{address.rstrip('/')}/v1/traces")
