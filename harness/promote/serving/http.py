"""Serve the OpenAI API on one address: chat completions, completions and the list of models.

The `Host` must be one that was named and no page of a browser may ask, so a web page cannot reach the models through the
browser of whoever runs this; beyond this machine a bearer token is asked for.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import msgspec

from harness.core.admission import Admission, Refused
from harness.errors import InputError, InvalidError, TrueupError, UsageError
from harness.evaluate.application.openai_api import JSON, MODELS, ApiResponse, refusal
from harness.promote.serving.batches import TooManyError
from harness.promote.serving.names import UnknownModelError
from harness.promote.serving.spans import ServedCaller
from harness.promote.shadow_budget import BudgetSpentError
from harness.types import Request

VERSION, HEALTH = "/v1", "/health"
MOST_BYTES = 16 << 20
"""Of a request's body."""
SECONDS = 60.0
"""A client that says nothing for longer is hung up on."""
GRACE = 120.0
"""Seconds that requests may still take when the server is told to end."""
MIRRORED = "x-trueup-shadow"
"""Header of a mirrored request, with the value `true`."""
PARENT = ("traceparent", "tracestate")


class AskedModel(NamedTuple):
    """A request that was let in."""

    path: str
    """After `/v1`."""
    body: bytes
    model: str
    caller: ServedCaller
    longest: int
    """Most tokens that may be written."""


class ModelServer(ThreadingHTTPServer):
    """`answer` gives the response to what was asked, `models` the names that are listed, with their content ids."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        place: tuple[str, int],
        answer: Callable[[AskedModel], ApiResponse],
        models: Callable[[], dict[str, str]],
        session_header: str,
    ) -> None:
        self.answer, self.models, self.session_header = answer, models, session_header
        self.admission = Admission(frozenset())
        self.working = 0
        """Requests that are being answered."""
        self.changed = threading.Condition()
        super().__init__(place, _ModelHandler)

    @contextmanager
    def work(self) -> Iterator[None]:
        """Around a request."""
        with self.changed:
            self.working += 1
        try:
            yield
        finally:
            with self.changed:
                self.working -= 1
                self.changed.notify_all()

    def finish(self) -> None:
        """Let what was begun be answered; connections on which nobody asks are left to end with the process."""
        self.server_close()
        with self.changed:
            self.changed.wait_for(lambda: self.working == 0, GRACE)


class _ModelHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "trueup", ""
    timeout = SECONDS
    server: ModelServer

    def do_GET(self) -> None:
        self._respond(self._get)

    def do_POST(self) -> None:
        self._respond(self._post)

    def log_message(self, *_: object) -> None:
        """Nothing: what was asked is in the traces."""

    def _respond(self, response: Callable[[], ApiResponse]) -> None:
        with self.server.work():
            self._answer(response)

    def _answer(self, response: Callable[[], ApiResponse]) -> None:
        try:
            self.server.admission.check({name.lower(): self.headers.get_all(name, []) for name in self.headers})
            answered = response()
        except Refused as refused:
            self.close_connection = True  # its body was not read
            answered = refusal(refused.status, refused.reason)
        except Exception as error:
            answered = refusal(_status(error), _words(error))
        try:
            self._send(answered)
        except ConnectionError:  # the client hung up before; its call is in the traces
            self.close_connection = True

    def _get(self) -> ApiResponse:
        if self.path == HEALTH:
            return ApiResponse(200, JSON, b"{}")
        if self.path != VERSION + MODELS:
            raise Refused(404, f"there is {VERSION}{MODELS}")
        cards = [
            {"id": name, "object": "model", "created": 0, "owned_by": "trueup", "root": ident or "base"}
            for name, ident in sorted(self.server.models().items())
        ]
        return ApiResponse(200, JSON, msgspec.json.encode({"object": "list", "data": cards}))

    def _post(self) -> ApiResponse:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            raise Refused(413, f"a body of at most {MOST_BYTES} bytes, with its length, is taken")
        body = self.rfile.read(int(length))
        try:
            known = msgspec.json.decode(body, type=_Known)
        except msgspec.DecodeError as error:
            raise InputError(f"the request is not one of the OpenAI API: {error}") from error
        caller = ServedCaller(
            session=self.headers.get(self.server.session_header, ""),
            user=known.user or "",
            shadow=self.headers.get(MIRRORED, "").lower() == "true",
            parent={name: self.headers[name] for name in PARENT if name in self.headers},
        )
        longest = known.max_completion_tokens or known.max_tokens or Request().max_tokens
        return self.server.answer(AskedModel(self.path.removeprefix(VERSION), body, known.model, caller, longest))

    def _send(self, response: ApiResponse) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.kind)
        self.send_header("Content-Length", str(len(response.body)))
        if response.status == 503:
            self.send_header("Retry-After", "1")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(response.body)


class _Known(msgspec.Struct):
    """What is read of a request before it is translated."""

    model: str
    user: str | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None


def _status(error: Exception) -> int:
    if isinstance(error, TooManyError):
        return 503
    if isinstance(error, BudgetSpentError):
        return 429
    if isinstance(error, UnknownModelError):
        return 404
    return 400 if isinstance(error, (InputError, UsageError, InvalidError)) else 500


def _words(error: Exception) -> str:
    return "; ".join(filter(None, (error.what, error.next))) if isinstance(error, TrueupError) else str(error)
