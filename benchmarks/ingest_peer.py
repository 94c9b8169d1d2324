"""MLflow taking in the same OTLP file, for `benchmarks.ingest --peer`: run by an interpreter that has MLflow installed.

    python benchmarks/ingest_peer.py EXPORT.jsonl

Each line takes the way of MLflow's own OTLP endpoint (`mlflow.server.otel_api`): ids to base64, the protobuf parser, its
span type, `log_spans` into a store on SQLite; only HTTP is left out. Prints one JSON object: seconds of CPU, and spans.
"""

import json
import logging
import sys
import tempfile
import time
from pathlib import Path

from google.protobuf.json_format import Parse
from mlflow import __version__
from mlflow.entities.span import Span
from mlflow.server.otel_api import _convert_otlp_json_ids_to_base64
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def main() -> None:
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        store = SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", folder)
        lines, count = Path(sys.argv[1]).read_bytes().splitlines(), 0
        started = time.process_time()
        for line in lines:
            request = Parse(_convert_otlp_json_ids_to_base64(line), ExportTraceServiceRequest())
            spans = [
                Span.from_otel_proto(span, resource=entry.resource)
                for entry in request.resource_spans
                for scoped in entry.scope_spans
                for span in scoped.spans
            ]
            store.log_spans("0", spans)
            count += len(spans)
        print(json.dumps({"cpu": time.process_time() - started, "spans": count, "version": __version__}))


if __name__ == "__main__":
    main()
