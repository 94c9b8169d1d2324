"""The receiver keeps what it acknowledges, refuses what it should, and neither waits nor grows without bound."""

import gzip
import json
import time
import zlib
from contextlib import suppress

import psutil
import pytest
import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from harness.ingest.collector import bodies, server, signals
from harness.ingest.collector.server import Limits
from harness.redact.redaction import RedactionError, Redactor
from tests.ingest.collector.serving import answer, lines, request, serving, span


@pytest.fixture
def client(tmp_path):
    with serving(tmp_path / "inbox") as found:
        yield found


def test_what_is_acknowledged_is_on_the_disk_and_redacted(client, tmp_path):
    """After the answer 200 the inbox holds the request, without the e-mail address that was in it."""
    status, _, body = client.post(request(span(note="write to ada@example.com")))
    assert (status, body) == (200, b"{}")
    (kept,) = lines(tmp_path / "inbox")
    assert "<EMAIL_" in json.dumps(kept) and "ada@" not in json.dumps(kept)


def test_protobuf_is_taken_and_answered_in_protobuf(client, tmp_path):
    """A protobuf request is kept, and its answer parses as the service's response."""
    message = ExportTraceServiceRequest()
    found = message.resource_spans.add().scope_spans.add().spans.add()
    found.trace_id, found.span_id, found.start_time_unix_nano = b"t" * 16, b"s" * 8, 10**18 + 1
    status, headers, body = client.post(message.SerializeToString(), content_type="application/x-protobuf")
    assert (status, headers["content-type"]) == (200, "application/x-protobuf")
    assert ExportTraceServiceResponse.FromString(body) == ExportTraceServiceResponse()
    assert len(lines(tmp_path / "inbox")) == 1


@pytest.mark.parametrize(
    ("name", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_compressed_bodies_are_read(client, tmp_path, name, pack):
    """Each content encoding that is named is understood."""
    assert client.post(pack(json.dumps(request(span())).encode()), content_encoding=name)[0] == 200
    assert len(lines(tmp_path / "inbox")) == 1


def test_an_unreadable_span_is_counted_and_the_others_are_kept(client):
    """A span without ids comes back in the partial success; the request is kept."""
    status, _, body = client.post(request(span(1), {"name": "no ids"}))
    assert status == 200
    assert json.loads(body)["partialSuccess"]["rejectedSpans"] == "1"


@pytest.mark.parametrize("size", [signals.LARGEST_ITEM + 1, 19 << 20], ids=["just above", "19 MiB"])
def test_a_span_of_many_megabytes_is_refused_and_the_others_are_kept(client, tmp_path, size):
    """One span above the limit is left out and counted; the span beside it is kept."""
    status, _, body = client.post(request(span(1, big="x" * size), span(2)))
    assert (status, json.loads(body)["partialSuccess"]["rejectedSpans"]) == (200, "1")
    assert len(json.dumps(lines(tmp_path / "inbox"))) < 10_000


BOMBS = {
    "gzip": lambda: gzip.compress(b"\0" * (200 << 20), 1),
    "deflate": lambda: zlib.compress(b"\0" * (200 << 20), 1),
    "zstd": lambda: zstandard.ZstdCompressor().compress(b"\0" * (200 << 20)),
    "gzip, many members": lambda: gzip.compress(b"") * 100_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_little_memory(client, name):
    """200 MiB of zeros, or 100,000 empty members, end in 413 with less than 64 MiB more memory; the next post is taken."""
    bomb, process = BOMBS[name](), psutil.Process()
    before = process.memory_info().rss
    assert client.post(bomb, content_encoding=name.split(",")[0])[0] == 413
    assert process.memory_info().rss - before < 64 << 20
    assert client.post(request(span()))[0] == 200


def test_a_body_above_the_limit_is_refused_before_it_is_read(client):
    """A declared length above the limit is answered 413 at once, and so is a body that grows beyond it in chunks."""
    assert client.post(b"", content_length=str(bodies.LARGEST + 1))[0] == 413
    with client.connect() as sock:
        sock.sendall(_head(client, "transfer-encoding: chunked"))
        for _ in range(bodies.LARGEST // (1 << 20) + 1):
            sock.sendall(b"100000\r\n" + b"x" * (1 << 20) + b"\r\n")
        assert answer(sock)[0] == 413


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (421, {"host": "evil.example"}),
        (421, {"host": "127.evil.tld:{port}"}),
        (421, {"host": "127.0.0.1.evil.tld:{port}"}),
        (421, {"host": "localhost:{port}@evil.tld"}),
        (421, {"host": "127.0.0.1"}),
        (421, {"host": "0.0.0.0:{port}"}),
        (421, {"host": ""}),
        (400, {"host": None}),
        (403, {"origin": "http://127.0.0.1:{port}"}),
        (403, {"origin": "null"}),
        (403, {"sec-fetch-site": "same-origin"}),
        (415, {"content-type": "text/plain"}),
        (415, {"content-type": "application/json, text/plain"}),
        (415, {"content-type": "application/json; boundary=x"}),
        (415, {"content-type": None}),
        (415, {"content-encoding": "br"}),
        (415, {"content-encoding": "gzip, gzip"}),
    ],
)
def test_who_may_not_post_is_refused(client, tmp_path, status, headers):
    """Another host name, any origin, another media type or encoding: refused, and nothing is kept."""
    given = {name: value and value.format(port=client.port) for name, value in headers.items()}
    assert client.post(request(span()), **given)[0] == status
    assert not lines(tmp_path / "inbox")


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "[::1]"])
def test_the_names_of_this_machine_are_let_in(client, name):
    """Loopback's names, with the right port."""
    assert client.post(request(span()), host=f"{name}:{client.port}")[0] == 200


def test_a_token_is_asked_for(tmp_path):
    """With a token set, only a request that brings exactly it is taken."""
    with serving(tmp_path / "inbox", token="s3cret") as client:
        assert client.post(request(span()))[0] == 401
        assert client.post(request(span()), authorization="Bearer s3cre")[0] == 401
        assert client.post(request(span()), authorization="Bearer s3cret")[0] == 200


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"resourceSpans": ['),
        (400, b"[]"),
        (400, b'{"resourceSpans": 5}'),
        (400, b'{"resourceSpans": [5]}'),
        (400, b"\xff\xfe"),
        (200, b'{"resourceSpans": [], "resourceSpans": []}'),
        (200, b"{}"),
        (400, b"[" * 100_000),
    ],
)
def test_a_broken_body_is_the_senders_fault(client, status, body):
    """What is no OTLP request is answered 400, never with something that makes the sender try again."""
    assert client.post(body)[0] == status


@pytest.mark.parametrize("value", ["NaN", "1" * 5000, '"\\ud800"', '"\\u0000"', "[" * 300 + "]" * 300])
def test_odd_values_are_kept_or_refused_and_never_crash(client, value):
    """NaN, huge integers, lone surrogates, NUL and deep nesting: an answer of 200 or 400, and the receiver lives."""
    body = json.dumps(request(span())).replace('"test"', f'"test", "x": {value}').encode()
    assert client.post(body)[0] in (200, 400)
    assert client.post(request(span()))[0] == 200


def test_a_span_of_any_time_is_kept(client, tmp_path):
    """Event time is data: 1970, the year 2262, an end before its start and a time beyond 64 bits are all acknowledged."""
    times = [(0, 0), (2**63 - 1, 2**63 - 1), (10**18, 1), (2**64 - 1, 5)]
    spans = [
        {**span(n + 1), "startTimeUnixNano": str(start), "endTimeUnixNano": str(end)}
        for n, (start, end) in enumerate(times)
    ]
    assert client.post(request(*spans))[0] == 200
    (kept,) = lines(tmp_path / "inbox")
    found = kept["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [(int(one["startTimeUnixNano"]), int(one["endTimeUnixNano"])) for one in found] == times


def test_other_paths_and_methods_are_refused(client):
    """Only the two paths, only POST."""
    assert client.post(path="/v1/metrics")[0] == 404
    assert client.post(path="/v1/traces?x=1")[0] == 404
    with client.connect() as sock:
        sock.sendall(f"GET /v1/traces HTTP/1.1\r\nhost: 127.0.0.1:{client.port}\r\n\r\n".encode())
        assert answer(sock)[0] == 405


def test_slow_clients_do_not_keep_others_out(client):
    """200 connections that send a byte now and then are opened: at most 64 stay, and a good post is taken."""
    drips = [client.connect() for _ in range(200)]
    try:
        for sock in drips:
            _drip(sock, b"POST /v1/traces HTTP/1.1\r\nhost: ")
        assert client.post(request(span()))[0] == 200
        time.sleep(0.1)
        assert len(client.server._open) <= server.CONNECTIONS
    finally:
        for sock in drips:
            sock.close()


def test_a_head_and_a_body_have_a_deadline(tmp_path):
    """A client that drips its head or its body is answered 408, however regularly it sends."""
    with serving(tmp_path / "inbox", limits=Limits(head_s=0.4, body_s=0.4)) as client:
        for start, drop in ((b"POST /v1/traces HTTP/1.1\r\nx: ", b"a"), (_head(client, "content-length: 1000"), b" ")):
            with client.connect() as sock:
                sock.sendall(start)
                for _ in range(8):
                    _drip(sock, drop)
                    time.sleep(0.1)
                assert answer(sock)[0] == 408


def test_a_connection_is_used_again(client):
    """Two requests on one connection, as every SDK sends them."""
    body = json.dumps(request(span())).encode()
    with client.connect() as sock:
        for _ in range(2):
            sock.sendall(_head(client, f"content-length: {len(body)}") + body)
            assert answer(sock)[0] == 200


def test_too_many_busy_connections_are_told_to_come_again(client, monkeypatch):
    """When every connection is at work a new one is answered 503 with Retry-After."""
    monkeypatch.setattr(server, "CONNECTIONS", 0)
    status, headers, _ = client.post(request(span()))
    assert (status, headers["retry-after"]) == (503, "5")


def test_when_redaction_fails_nothing_is_written(tmp_path):
    """A failing detector ends in 503, so that the sender keeps the spans, and no byte of them is on the disk."""

    class Broken(Redactor):
        def json(self, value):
            raise RedactionError("redaction failed")

    with serving(tmp_path / "inbox", redactor=Broken()) as client:
        status, headers, _ = client.post(request(span(note="ada@example.com")))
        assert (status, "retry-after" in headers) == (503, True)
        assert not lines(tmp_path / "inbox")


def _head(client, more):
    return (
        f"POST /v1/traces HTTP/1.1\r\nhost: 127.0.0.1:{client.port}\r\ncontent-type: application/json\r\n{more}\r\n\r\n"
    ).encode()


def _drip(sock, data):
    with suppress(OSError):  # its place was given to another
        sock.sendall(data)


HOSTILE = {
    "kind": [True, 2.5, [], {}, "x", 10**30],
    "startTimeUnixNano": [True, [], {}, 1e300, "9" * 40, -(10**25)],
    "name": [True, 7, [], {"a": 1}],
    "status": [True, 7, "x", [], {"code": [], "message": {}}],
    "events": [True, 7, [7], [{"name": 7, "timeUnixNano": []}], {}],
    "attributes": [True, 7, [7], {"a": 1}, [{"key": 7, "value": 7}], [{"key": "gen_ai.usage.input_tokens", "value": {"intValue": [1]}}]],
    "droppedAttributesCount": [True, "x", [], 1e999, 10**40],
    "parentSpanId": [True, 7, [], {}],
    "traceId": [True, 7, [], {}],
}  # fmt: skip


@pytest.mark.parametrize("field", HOSTILE)
def test_what_is_acknowledged_can_be_ingested(client, tmp_path, field):
    """Whatever stands in a field of a span: it is refused, or ingest reads the inbox to its end, the good span with it."""
    from harness.ingest import stage

    for number, value in enumerate(HOSTILE[field]):
        good = span(number + 1, f"{number + 1:032x}")
        status, _, _ = client.post(request(good, {**span(99, "f" * 32), field: value}))
        alone, _, _ = client.post(request({**span(99, "f" * 32), field: value}))
        assert status in (200, 400) and alone in (200, 400), value
    client.receiver.close()
    read = list(stage.ingest([str(tmp_path / "inbox")]))
    kept = {call.trace_id for batch in read for call in batch.calls}
    assert len(kept - {"f" * 32}) == len(HOSTILE[field])
