"""An application as a user has it: the openai client under real instrumentation, its spans and logs sent to a receiver.

python app.py INSTRUMENTATION ENDPOINT FOLDER: the same spans and logs go to the receiver at ENDPOINT, by the SDK's own exporter,
and into day files in FOLDER, by `trueup.exporter`. The model is a small server in this process.
"""

import importlib
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from openai import OpenAI
from opentelemetry import _logs, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from trueup.exporter import DayFileLogExporter, DayFileSpanExporter

INSTRUMENTORS = {
    "openai_v2": ("opentelemetry.instrumentation.openai_v2", "OpenAIInstrumentor"),
    "openinference": ("openinference.instrumentation.openai", "OpenAIInstrumentor"),
}
SAID = (
    "Where is my parcel AP-4711? I am ada@example.com,\nmy card is 4111 1111 1111 1111.",
    "Zürich, naïve 🙂 and a tab\there",
    "password = Tr0ub4dor&3 and BEST-555-123-4567",
)


class Model(BaseHTTPRequestHandler):
    """Answers any chat request: with a tool call when tools are offered."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = asked["messages"][-1]["content"]
        message = {"role": "assistant", "content": f"You said: {text}"}
        if asked.get("tools"):
            arguments = json.dumps({"note": text, "to": "bob@example.com"})
            call = {"id": "call_1", "type": "function", "function": {"name": "write", "arguments": arguments}}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if asked.get("tools") else "stop"}
        usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
        answer = {"id": f"chatcmpl-{abs(hash(text)) % 10**9}", "object": "chat.completion", "created": 1790000000}
        body = json.dumps({**answer, "model": "tiny", "choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Quiet."""


def main(instrumentation, endpoint, folder):
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
    os.environ["OTEL_EXPORTER_OTLP_COMPRESSION"] = os.environ.get("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "true"
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http")
    exporters = importlib.import_module(f"opentelemetry.exporter.otlp.proto.{protocol}.trace_exporter")
    log_exporters = importlib.import_module(f"opentelemetry.exporter.otlp.proto.{protocol}._log_exporter")
    spans, logs = TracerProvider(), LoggerProvider()
    for exporter in (exporters.OTLPSpanExporter(), DayFileSpanExporter(folder)):
        spans.add_span_processor(BatchSpanProcessor(exporter))
    for exporter in (log_exporters.OTLPLogExporter(), DayFileLogExporter(folder)):
        logs.add_log_record_processor(BatchLogRecordProcessor(exporter))
    trace.set_tracer_provider(spans)
    _logs.set_logger_provider(logs)
    module, name = INSTRUMENTORS[instrumentation]
    getattr(importlib.import_module(module), name)().instrument(tracer_provider=spans, logger_provider=logs)
    model = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    client = OpenAI(base_url=f"http://127.0.0.1:{model.server_port}/v1", api_key="none")
    tool = {"type": "function", "function": {"name": "write", "parameters": {"type": "object"}}}
    for text in SAID:
        with trace.get_tracer("app").start_as_current_span("POST /messages", kind=trace.SpanKind.SERVER):
            messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]
            client.chat.completions.create(model="tiny", messages=messages)
            client.chat.completions.create(model="tiny", messages=messages, tools=[tool])
    spans.shutdown()
    logs.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
