"""Serve the review page to the one person at this machine.

Other programs of this machine, other users of it, and any web page that is open in the same browser can reach a loopback
port too. So the address holds a secret token; a request is answered only when it names this host exactly (which ends DNS
rebinding), and only accepted as a change when it comes from this page's own origin and is JSON (which no foreign form
can send). The page may run and load nothing but its own files.
"""

import hmac
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from harness.errors import BusyError, TrueupError

MOST_BYTES = 1 << 20
"""Of a request's body."""
SECONDS = 10.0
"""A client that says nothing for longer is hung up on."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
JSON = "application/json"

Answer = Callable[[Any], Any]
"""Takes the request's JSON (None for GET) and gives what is sent back as JSON. Raises TrueupError for a bad request."""


class Loopback:
    """Serves `files` (path below the token to content type and bytes) and `answers` (method and path to a function)."""

    def __init__(self, files: Mapping[str, tuple[str, bytes]], answers: Mapping[tuple[str, str], Answer]) -> None:
        self._token = secrets.token_urlsafe(24)
        self._server = _Server(("127.0.0.1", 0), _handler(self._token, files, answers))

    @property
    def address(self) -> str:
        """What to open in the browser. It holds the secret: whoever has it may answer."""
        return f"http://127.0.0.1:{self._server.server_port}/{self._token}/"

    def serve(self) -> None:
        """Answer requests until `stop`, in this thread."""
        try:
            self._server.serve_forever(poll_interval=0.1)
        finally:
            self._server.server_close()

    def stop(self) -> None:
        """End `serve`; may be called from an answer."""
        threading.Thread(target=self._server.shutdown, daemon=True).start()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 16


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, why: str) -> None:
        self.status, self.why = status, why


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection; `_handler` gives it the token and what there is."""

    timeout = SECONDS
    server_version, sys_version = "trueup", ""
    token: str
    files: Mapping[str, tuple[str, bytes]]
    answers: Mapping[tuple[str, str], Answer]

    def do_GET(self) -> None:
        self._respond("GET")

    def do_POST(self) -> None:
        self._respond("POST")

    def log_message(self, *_: object) -> None:
        """Nothing: the address holds the token."""

    def _respond(self, method: str) -> None:
        try:
            path = self._path()
            if method == "GET" and path in self.files:
                self._send(HTTPStatus.OK, *self.files[path])
                return
            if (method, path) not in self.answers:
                raise _Refused(HTTPStatus.NOT_FOUND, "nothing is here")
            given = self._body() if method == "POST" else None
            self._say(HTTPStatus.OK, self.answers[method, path](given))
        except _Refused as error:
            self._say(error.status, {"error": error.why})
        except BusyError as error:
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, {"error": error.what})
        except TrueupError as error:
            self._say(HTTPStatus.UNPROCESSABLE_ENTITY, {"error": error.what})

    def _path(self) -> str:
        """The path below the token, once the request may be answered at all."""
        here = f"127.0.0.1:{self.connection.getsockname()[1]}"
        if self.headers.get_all("Host") != [here]:
            raise _Refused(HTTPStatus.MISDIRECTED_REQUEST, "this is not the host that was asked for")
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{here}":
            raise _Refused(HTTPStatus.FORBIDDEN, "another page asked")
        given, _, path = self.path.removeprefix("/").partition("/")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            raise _Refused(HTTPStatus.NOT_FOUND, "nothing is here")
        return path

    def _body(self) -> Any:
        if self.headers.get("Origin") is None or self.headers.get("Content-Type") != JSON:
            raise _Refused(HTTPStatus.FORBIDDEN, "only the page itself may send JSON here")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the answer is too long")
        try:
            return json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise _Refused(HTTPStatus.BAD_REQUEST, "not JSON") from None

    def _say(self, status: HTTPStatus, value: Any) -> None:
        self._send(status, JSON, json.dumps(value).encode())

    def _send(self, status: HTTPStatus, kind: str, data: bytes) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _handler(
    token: str, files: Mapping[str, tuple[str, bytes]], answers: Mapping[tuple[str, str], Answer]
) -> type[_Handler]:
    return type("Handler", (_Handler,), {"token": token, "files": files, "answers": answers})
