"""The receiver over gRPC: the same promises, in gRPC's own words."""

import json
import socket

import pytest

grpc = pytest.importorskip("grpc", reason="gRPC is an extra: pip install 'trueup[grpc]'")

from google.protobuf.json_format import ParseDict  # noqa: E402
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc  # noqa: E402
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: E402

from harness.ingest.collector import grpc as collector_grpc  # noqa: E402
from harness.ingest.collector.receiver import Receiver  # noqa: E402
from harness.redact.redaction import RedactionError, Redactor  # noqa: E402
from tests.ingest.collector.serving import lines, request, span  # noqa: E402


class Broken(Redactor):
    def json(self, value):
        raise RedactionError("redaction failed")


@pytest.fixture
def call(tmp_path):
    """Sends a request; `token` and `redactor` say what the server is like."""
    servers = []

    def sent(body, token="", given="", redactor=None, compression=None):
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        receiver = Receiver(tmp_path / "inbox", redactor or Redactor())
        servers.append(collector_grpc.start(receiver, address, token))
        options = [("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(address, compression=compression, options=options) as channel:
            message = ParseDict(body, ExportTraceServiceRequest())
            metadata = [("authorization", given)] if given else None
            return trace_service_pb2_grpc.TraceServiceStub(channel).Export(message, metadata=metadata, timeout=300)

    yield sent
    for server in servers:
        server.stop(0)


def proto(*spans):
    """Ids as base64, as protobuf's own JSON has them: of 16 and 8 bytes."""
    return request(*({**one, "traceId": "A" * 21 + "Q==", "spanId": "A" * 10 + "E="} for one in spans))


def test_a_request_is_kept_and_redacted(call, tmp_path):
    """An Export call is answered once the request is in the inbox, redacted."""
    assert call(proto(span(note="ada@example.com"))).partial_success.rejected_spans == 0
    assert "<EMAIL_" in json.dumps(lines(tmp_path / "inbox"))


def test_what_could_not_be_kept_is_unavailable(call, tmp_path):
    """A failing detector ends in a code that senders repeat, and nothing is written."""
    with pytest.raises(grpc.RpcError) as error:
        call(proto(span()), redactor=Broken())
    assert error.value.code() is grpc.StatusCode.UNAVAILABLE and not lines(tmp_path / "inbox")


def test_a_token_is_asked_for(call):
    """Without the token nothing is taken; with it, it is."""
    with pytest.raises(grpc.RpcError) as error:
        call(proto(span()), token="s3cret", given="Bearer other")
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
    call(proto(span()), token="s3cret", given="Bearer s3cret")


def test_a_compressed_message_counts_what_it_unpacks_to(call):
    """A small message that grows beyond the limit is refused."""
    with pytest.raises(grpc.RpcError) as error:
        call(proto(span(big="0" * (21 << 20))), compression=grpc.Compression.Gzip)
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
