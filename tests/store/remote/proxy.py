"""A proxy before the S3 server that breaks requests on purpose: each request is passed on, or treated as a plan says."""

import socket
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Plan = Callable[[int, str, str], str]
"""Number, method and path of a request to what becomes of it: one of `FAULTS`, or empty to pass it on."""

FAULTS = ("500", "500 after", "closed", "closed after", "cut", "slow", "403")
"""Refused, refused after it was done, hung up, hung up after it was done, half of the answer, late by a moment, not allowed."""


class Proxy:
    """Serves on a port of its own until it is closed. `plan` may be changed at any time; `seen` counts the requests."""

    def __init__(self, target: str, plan: Plan = lambda *_: "") -> None:
        self.plan, self.seen, self._lock = plan, 0, threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, urlsplit(target).netloc))
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def fate(self, method: str, path: str) -> str:
        with self._lock:
            self.seen += 1
            return self.plan(self.seen, method, path)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(proxy: Proxy, target: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fate = proxy.fate(self.command, self.path)
            if fate in ("500", "403"):
                self._answer(int(fate), [], b"<Error><Code>AccessDenied</Code></Error>" if fate == "403" else b"")
            elif fate == "closed":
                self._hang_up()
            else:
                self._done(fate, body)

        def _done(self, fate: str, body: bytes) -> None:
            if fate == "slow":
                time.sleep(1.0)
            status, headers, answer = self._ask(body)
            if fate == "500 after":
                self._answer(500, [], b"")
            elif fate == "closed after":
                self._hang_up()
            else:
                self._answer(status, headers, answer, cut=fate == "cut" and len(answer) > 1)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on

        def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            there = HTTPConnection(target, timeout=60)
            there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                there.putheader(name, value)
            there.endheaders(body)
            found = there.getresponse()
            answer = found.read()
            there.close()
            dropped = {"connection", "transfer-encoding", "content-length"}
            return found.status, [pair for pair in found.getheaders() if pair[0].lower() not in dropped], answer

        def _answer(self, status: int, headers: list[tuple[str, str]], answer: bytes, cut: bool = False) -> None:
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer[: len(answer) // 2] if cut else answer)
            if cut:
                self._hang_up()

        def _hang_up(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
