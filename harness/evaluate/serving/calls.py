"""Post many calls to an endpoint side by side, and try again what the environment breaks.

429, 5xx, time-outs and lost connections are tried again with growing pauses, or after the time that the endpoint names.
What stays broken is an error of that call. After `GIVE_UP` calls in a row without an answer the rest is not sent.
"""

import asyncio
import os
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import httpx2
import msgspec

from harness.errors import Exit, TrueupError
from harness.types import Json, Noun

AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Answers of an endpoint that may go away by themselves."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
GIVE_UP = 8
"""Calls in a row that got no answer for all their tries, after which the rest of the batch is not sent."""
T = TypeVar("T")


class EndpointError(TrueupError):
    """The endpoint gave no usable answer: the environment's fault, never the model's."""

    exit = Exit.INVALID


class Address(Noun, frozen=True):
    """Where calls go, and how."""

    url: str
    """Up to and with `/v1`."""
    key_env: str = "OPENAI_API_KEY"
    concurrency: int = 8
    timeout: float = 120.0
    """Seconds of one try."""
    retries: int = 5
    per_minute: float = 0.0

    @property
    def root(self) -> str:
        """The server's own address, without `/v1`."""
        return self.url.rstrip("/").removesuffix("/v1")

    def headers(self) -> dict[str, str]:
        key = os.environ.get(self.key_env, "")
        return {"Authorization": f"Bearer {key}"} if key else {}


class EndpointCall(NamedTuple):
    path: str
    """Below the address, such as `/completions`."""
    body: dict[str, Json]


class Answered(NamedTuple):
    json: Json
    seconds: float


class Pace:
    """Lets requests start no more often than `per_minute` (0 is no limit), and none while the endpoint wants a pause."""

    def __init__(self, per_minute: float) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        now = time.monotonic()
        start = max(now, self._next)
        self._next = start + self._gap
        if start > now:
            await asyncio.sleep(start - now)

    def hold(self, seconds: float) -> None:
        """The endpoint asked for a pause: it is for all requests, not only for the one that was told."""
        self._next = max(self._next, time.monotonic() + min(seconds, LONGEST_PAUSE))


class Caller:
    """Posts calls; remembers the pace of each address. `transport` stands in for the network in tests."""

    def __init__(self, transport: httpx2.AsyncBaseTransport | None = None, first_pause: float = 0.0) -> None:
        self._transport, self._first_pause = transport, first_pause or FIRST_PAUSE
        self._paces: dict[str, Pace] = {}
        self._unanswered: dict[str, int] = {}
        """Address to its requests in a row that got no answer."""

    def post(self, address: Address, calls: Sequence[EndpointCall]) -> list[Answered | EndpointError]:
        """The answer to each call, in order, or the EndpointError in its place."""
        self._unanswered[address.url] = min(self._unanswered.get(address.url, 0), GIVE_UP - 1)  # is it back?
        return _alone(self._all(address, calls))

    def ask(self, address: Address, url: str, body: Json = None) -> tuple[int, str]:
        """Status and text of one request, tried once: GET, or POST with a body. Raises EndpointError on no answer."""
        return _alone(self._ask(address, url, body))

    async def _ask(self, address: Address, url: str, body: Json) -> tuple[int, str]:
        try:
            async with self._client(address) as client:
                response = await (client.get(url) if body is None else client.post(url, json=body))
                return response.status_code, response.text
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            raise EndpointError(
                f"the server does not answer: {type(error).__name__}: {error}",
                where=url,
                next="start the server, or correct url in the arm's options",
            ) from error

    def _client(self, address: Address) -> httpx2.AsyncClient:
        limits = httpx2.Limits(max_connections=max(address.concurrency, 1))
        return httpx2.AsyncClient(
            transport=self._transport, timeout=address.timeout, headers=address.headers(), limits=limits
        )

    async def _all(self, address: Address, calls: Sequence[EndpointCall]) -> list[Answered | EndpointError]:
        pace = self._paces.setdefault(address.url, Pace(address.per_minute))
        room = asyncio.Semaphore(address.concurrency)
        async with self._client(address) as client:

            async def single(call: EndpointCall) -> Answered | EndpointError:
                try:
                    async with room:
                        started = time.perf_counter()
                        answer = await self._post(client, pace, address, call)
                        return Answered(answer, time.perf_counter() - started)
                except EndpointError as error:
                    return error

            return list(await asyncio.gather(*map(single, calls)))

    async def _post(self, client: httpx2.AsyncClient, pace: Pace, address: Address, call: EndpointCall) -> Json:
        """The endpoint's JSON. Raises EndpointError once the retries are used up, or at once when they cannot help."""
        url = address.url.rstrip("/") + call.path
        pause, status = self._first_pause, 0
        if self._unanswered[address.url] >= GIVE_UP:
            raise EndpointError(f"the endpoint gave no answer to {GIVE_UP} requests in a row: not asked", where=url)
        for left in range(address.retries, -1, -1):
            await pace.turn()
            try:
                async with asyncio.timeout(address.timeout):  # the client's own bounds each read, not their sum
                    response = await client.post(url, json=call.body)
                status = response.status_code
                if response.is_success:
                    self._unanswered[address.url] = 0
                    return msgspec.json.decode(response.content)
                problem = f"HTTP {status}: {response.text[:200]}"
                wait, again = _retry_after(response) or pause, status in AGAIN
                pace.hold(_retry_after(response))
            except TimeoutError:
                problem, wait, again = f"none within {address.timeout:g} seconds", pause, True
            except httpx2.TransportError as error:
                problem, wait, again = f"{type(error).__name__}: {error}", pause, True
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                problem, wait, again = f"the answer is not JSON: {error}", pause, False
            if not again or not left:
                break
            await asyncio.sleep(min(wait, LONGEST_PAUSE))
            pause *= 2
        self._unanswered[address.url] += again
        raise EndpointError(f"the endpoint gave no answer: {problem}", where=url, next=_hint(address, status, problem))


def _alone(job: Coroutine[Any, Any, T]) -> T:
    """Run it in a thread of its own: the caller may have an event loop already, as notebooks and browser drivers do."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, job).result()


def _hint(address: Address, status: int, problem: str) -> str:
    if status in (401, 403):
        return f"set the variable {address.key_env}" if address.key_env else "name the variable with the key: key_env"
    if status == 400 and "max_completion_tokens" in problem:
        return 'set max_tokens_name = "max_completion_tokens" in the arm\'s options'
    return "check the arm's url and the server"


def _retry_after(response: httpx2.Response) -> float:
    """Seconds that the endpoint asks to wait; 0 when it does not say, or says a date."""
    try:
        return float(response.headers.get("retry-after", 0))
    except ValueError:
        return 0.0
