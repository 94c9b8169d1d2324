"""A receiver in this process, and what a plain socket says to it."""

import asyncio
import gzip
import json
import socket
import threading
from contextlib import contextmanager

from harness.core.admission import hosts_of
from harness.ingest.collector.admission import Door
from harness.ingest.collector.receiver import Receiver
from harness.ingest.collector.server import Limits, Server
from harness.redact.redaction import Redactor


def span(number=1, trace="0af7651916cd43dd8448eb211c80319c", **attributes):
    held = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "tiny", **attributes}
    return {
        "traceId": trace,
        "spanId": f"{number:016x}",
        "name": "chat",
        "startTimeUnixNano": "1790000000000000000",
        "endTimeUnixNano": "1790000001000000000",
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in held.items()],
    }


def request(*spans):
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "test"}, "spans": list(spans)}]}]}


class Client:
    """Speaks HTTP by hand, so that it may speak it badly."""

    def __init__(self, port):
        self.port = port

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=300)

    def post(self, body=b"{}", path="/v1/traces", **headers):
        """Status, headers and body of the answer; a header of None is left out."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        given = {"host": f"127.0.0.1:{self.port}", "content-type": "application/json", "content-length": str(len(body))}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value is not None)
        with self.connect() as sock:
            sock.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
            return answer(sock)

    def zipped(self, body):
        return self.post(gzip.compress(json.dumps(body).encode()), content_encoding="gzip")


def answer(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return 0, {}, b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    while len(body) < int(headers.get("content-length", 0)):
        body += sock.recv(65536)
    return int(lines[0].split()[1]), headers, body


@contextmanager
def serving(folder, token="", limits=None, redactor=None):
    """A client of a receiver whose inbox is `folder`; `client.receiver` and `client.server` are what serves it."""
    sock = socket.create_server(("127.0.0.1", 0))
    client = Client(sock.getsockname()[1])
    client.receiver = Receiver(folder, redactor or Redactor(salt="s"))
    server = Server(client.receiver, Door(hosts_of([], client.port), token), limits or Limits())
    client.server = server
    loop, started = asyncio.new_event_loop(), threading.Event()
    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.run(sock, stop, started.set)))
    thread.start()
    started.wait(300)
    try:
        yield client
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(300)
        loop.close()
        assert not thread.is_alive()


def lines(folder):
    return [json.loads(line) for path in sorted(folder.glob("[!.]*")) for line in path.read_bytes().splitlines()]
