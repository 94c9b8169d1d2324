"""Open a door to one case's model for code that speaks the OpenAI API: in this process, or over a loopback address.

A door belongs to its case. What comes through it is the case's call, asked and recorded like any other; what comes when the
case has ended is refused. A call that could not be served makes the case an error, whatever the application does about it.
"""

import secrets
import threading
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from harness.errors import InputError, TrueupError
from harness.evaluate.application.openai_api import Answers, ApiResponse, answer, refusal

Relay = Callable[[str, bytes], ApiResponse]
"""Takes the path after `/v1` and the body of a request, gives the response."""
VERSION = "/v1"
ENDED = "the case that this address belongs to has ended"


class CaseDoor:
    """The way to `model`, named `name`."""

    def __init__(self, model: Answers, name: str) -> None:
        self.failure: Exception | None = None
        """Why the first call that could not be served was not."""
        self._model, self._name, self._closed = model, name, False
        self._url = ""

    @property
    def url(self) -> str:
        """A loopback address for this case alone, ending in `/v1`."""
        if self._closed:
            raise InputError(ENDED)
        if not self._url:
            self._url = _keeper().open(self.answer)
        return self._url

    def answer(self, path: str, body: bytes) -> ApiResponse:
        """The response to a request for `path`, with or without `/v1` before it."""
        if self._closed:
            return refusal(410, ENDED)
        try:
            return answer(self._model, self._name, path.rpartition(VERSION)[2], body)
        except Exception as error:
            self.failure = self.failure or error
            told = f"{error.what} {error.next}".strip() if isinstance(error, TrueupError) else repr(error)
            return refusal(400 if isinstance(error, InputError) else 500, told)

    def close(self) -> None:
        """The case has ended."""
        self._closed = True
        if self._url:
            _keeper().close(self._url)


class Keeper:
    """A server on the loopback interface, with one address a door. Addresses cannot be guessed."""

    def __init__(self) -> None:
        self._doors: dict[str, Relay] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._doors))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def open(self, relay: Relay) -> str:
        """An address whose requests go to `relay`, in a thread of theirs."""
        key = secrets.token_urlsafe(16)
        self._doors[key] = relay
        return f"http://127.0.0.1:{self._server.server_address[1]}/{key}{VERSION}"

    def close(self, url: str) -> None:
        """Refuse what comes to this address from now on."""
        self._doors.pop(urlsplit(url).path.split("/")[1], None)


@cache
def _keeper() -> Keeper:
    """The one server of this process, started by the first door that is opened."""
    return Keeper()


def open_door(relay: Relay) -> str:
    """The address of a new door; see `Keeper.open`."""
    return _keeper().open(relay)


def close_door(url: str) -> None:
    """See `Keeper.close`."""
    _keeper().close(url)


def _handler(doors: dict[str, Relay]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            _, key, path = [*self.path.split("/", 2), "", ""][:3]
            relay = doors.get(key)
            given = relay(f"/{path}".removeprefix(VERSION), body) if relay else refusal(410, ENDED)
            self.send_response(given.status)
            self.send_header("Content-Type", given.kind)
            self.send_header("Content-Length", str(len(given.body)))
            if given.status != 200:
                self.send_header("x-should-retry", "false")  # of the OpenAI clients
            self.end_headers()
            self.wfile.write(given.body)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged: what was asked is in the result."""

    return Handler
