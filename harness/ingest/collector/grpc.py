"""Receive over gRPC, an extra: `pip install "trueup[grpc]"`.

gRPC bounds a message before and after decompression (`max_receive_message_length`), and the calls at one time. A browser cannot
speak it. What could not be kept is UNAVAILABLE, which the specification lets senders repeat.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc

from harness.core.admission import is_token
from harness.errors import TrueupError, UsageError
from harness.ingest.collector import bodies, signals
from harness.ingest.collector.receiver import Receiver
from harness.ingest.collector.signals import LOGS, TRACES, Signal
from harness.redact.redaction import RedactionTooSlow

CALLS = 64
THREADS = 4


def start(receiver: Receiver, address: str, token: str = "") -> grpc.Server:
    """A server that listens on `address` (host:port). Raises UsageError when it cannot."""
    options = [("grpc.max_receive_message_length", bodies.LARGEST), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(THREADS, "grpc"), options=options, maximum_concurrent_rpcs=CALLS)
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Service(receiver, TRACES, token), server)
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(_Service(receiver, LOGS, token), server)
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise UsageError(f"cannot listen: {error}", where=address, next="trueup collect --grpc-port PORT") from error
    server.start()
    return server


class _Service:
    def __init__(self, receiver: Receiver, signal: Signal, token: str) -> None:
        self._receiver, self._signal, self._token = receiver, signal, token

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self._token and not self._is_welcome(context):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "a bearer token is asked for")
        answer = self._signal.response()
        try:
            found = self._receiver.keep(self._signal, signals.as_json(request), request.ByteSize())
        except RedactionTooSlow as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.what)
        except ValueError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error)[:500])
        except Exception as error:  # full disk, a detector that fails: nothing was acknowledged
            told = error.what if isinstance(error, TrueupError) else type(error).__name__
            self._receiver.note(f"a request was not taken: {told}")
            context.abort(grpc.StatusCode.UNAVAILABLE, told)
        if found.rejected:
            answer = signals.answer(self._signal, signals.PROTOBUF, found.rejected, found.reason)
            return self._signal.response.FromString(answer)
        return answer

    def _is_welcome(self, context: grpc.ServicerContext) -> bool:
        given = [value for key, value in context.invocation_metadata() if key == "authorization"]
        return is_token(self._token, [str(value) for value in given])
