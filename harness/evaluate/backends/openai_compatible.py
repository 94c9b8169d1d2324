"""Ask an endpoint with the OpenAI chat API: OpenAI, vLLM, `transformers serve`, llama.cpp, a gateway.

Requests of a batch are sent side by side. What the environment breaks (429, 5xx, time-outs, lost connections) is tried
again with growing pauses, or after the time that the endpoint names; what stays broken is an error of that case, never
an empty answer. An endpoint's weights cannot be hashed, so the digest holds its address and the model's name: give a
new name to a new model. An arm with an adapter of the `hosted` recipe asks the model that the provider tuned.

Options of the arm: `url` (up to and with `/v1`), `key_env` (name of the variable that holds the API key), `concurrency`
(8), `timeout` of a try in seconds (120), `retries` (5), `per_minute` (requests, no limit), `body` (further fields of
each call, such as `temperature = 0`), `max_tokens_name`, `prices` (of a million `input`, `cached` and `output` tokens, for `Reply.cost`).
"""

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import httpx2
import msgspec
from msgspec.structs import replace

from harness.core.adapters import hosted
from harness.core.codec import digest as content_id
from harness.core.codec import from_chat, to_chat
from harness.core.reading import INCOMPLETE, never_closed, split_inline
from harness.errors import Exit, TrueupError, UsageError
from harness.types import Arm, Json, Message, RefusalPart, Reply, Request, Usage

PREFERRED_BATCH = 64
SCHEMA = True
"""Replies can be held to a JSON schema."""
DRIFTS = True
"""What answers is known by its name only and may change: a judge is tried anew each night."""
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Answers of an endpoint that may go away by themselves."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
GIVE_UP = 8
"""Requests in a row that got no answer for all their tries, after which the rest of the batch is not sent."""


class EndpointError(TrueupError):
    """The endpoint gave no usable answer: the environment's fault, never the model's."""

    exit = Exit.INVALID


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a million tokens; `cached` is for input that the endpoint had kept."""

    input: float = 0.0
    output: float = 0.0
    cached: float | None = None

    def of(self, usage: Usage) -> float | None:
        """None when the endpoint did not say how many tokens there were."""
        if usage.input is None or usage.output is None:
            return None
        kept = min(usage.cache_read or 0, usage.input)
        cached = self.input if self.cached is None else self.cached
        return ((usage.input - kept) * self.input + kept * cached + usage.output * self.output) / 1e6


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arm's options, checked."""

    url: str
    key_env: str = "OPENAI_API_KEY"
    concurrency: int = 8
    timeout: float = 120.0
    retries: int = 5
    per_minute: float = 0.0
    body: dict[str, Json] = {}
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the endpoint calls the bound on new tokens; OpenAI's reasoning models take `max_completion_tokens` only."""
    prices: Prices | None = None


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


class Endpoint:
    """The backend. `transport` stands in for the network in tests."""

    preferred_batch = PREFERRED_BATCH

    def __init__(self, transport: httpx2.AsyncBaseTransport | None = None, first_pause: float = FIRST_PAUSE) -> None:
        self._transport, self._first_pause = transport, first_pause
        self._paces: dict[str, Pace] = {}
        self._unanswered: dict[str, int] = {}
        """Address to its requests in a row that got no answer."""

    def digest(self, arm: Arm) -> str:
        return digest(arm)

    def answer(self, arm: Arm, requests: Sequence[Request]) -> list[Reply | Exception]:
        """A reply for each request, in order, or the EndpointError or UsageError in its place."""
        arm = served(arm)
        options = options_of(arm)
        self._unanswered[options.url] = min(self._unanswered.get(options.url, 0), GIVE_UP - 1)  # is it back?
        # In a thread of its own: the caller may have an event loop already, as notebooks and browser drivers do.
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(asyncio.run, self._all(arm, options, requests)).result()

    def close(self) -> None:
        """Connections live no longer than a batch."""

    async def _all(self, arm: Arm, options: Options, requests: Sequence[Request]) -> list[Reply | Exception]:
        key = os.environ.get(options.key_env, "")
        pace = self._paces.setdefault(options.url, Pace(options.per_minute))
        room = asyncio.Semaphore(options.concurrency)
        async with httpx2.AsyncClient(
            transport=self._transport,
            timeout=options.timeout,
            headers={"Authorization": f"Bearer {key}"} if key else {},
        ) as client:

            async def one(request: Request) -> Reply | Exception:
                try:
                    path, body = call_of(arm, options, request)
                    async with room:
                        started = time.perf_counter()
                        answer = await self._post(client, pace, options, path, body)
                        return reply_of(answer, time.perf_counter() - started, options.prices)
                except TrueupError as error:
                    return error

            return list(await asyncio.gather(*map(one, requests)))

    async def _post(
        self, client: httpx2.AsyncClient, pace: Pace, options: Options, path: str, body: dict[str, Json]
    ) -> Json:
        """The endpoint's JSON. Raises EndpointError once the retries are used up, or at once when they cannot help."""
        url = options.url.rstrip("/") + path
        pause, status = self._first_pause, 0
        if self._unanswered[options.url] >= GIVE_UP:
            raise EndpointError(f"the endpoint gave no answer to {GIVE_UP} requests in a row: not asked", where=url)
        for left in range(options.retries, -1, -1):
            await pace.turn()
            try:
                async with asyncio.timeout(options.timeout):  # the client's own bounds each read, not their sum
                    response = await client.post(url, json=body)
                status = response.status_code
                if response.is_success:
                    self._unanswered[options.url] = 0
                    return msgspec.json.decode(response.content)
                problem = f"HTTP {status}: {response.text[:200]}"
                wait, again = _retry_after(response) or pause, status in AGAIN
                pace.hold(_retry_after(response))
            except TimeoutError:
                problem, wait, again = f"none within {options.timeout:g} seconds", pause, True
            except httpx2.TransportError as error:
                problem, wait, again = f"{type(error).__name__}: {error}", pause, True
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                problem, wait, again = f"the answer is not JSON: {error}", pause, False
            if not again or not left:
                break
            await asyncio.sleep(min(wait, LONGEST_PAUSE))
            pause *= 2
        self._unanswered[options.url] += again
        hint = f"set the variable {options.key_env}" if status in (401, 403) else "check the arm's url and the server"
        if status == 400 and "max_completion_tokens" in problem:
            hint = 'set max_tokens_name = "max_completion_tokens" in the arm\'s options'
        raise EndpointError(f"the endpoint gave no answer: {problem}", where=url, next=hint)


def open(arms: Sequence[Arm], *, batch_size: int = 0) -> Endpoint:
    """The backend for these arms. Raises UsageError when an arm's options are wrong."""
    for arm in arms:
        served(arm)
    return Endpoint()


def digest(arm: Arm) -> str:
    """Content id of address, model name and further fields: all that is known of a model behind an endpoint."""
    options, arm = options_of(arm), served(arm)
    return content_id(["openai-compatible-1", options.url.rstrip("/"), arm.model, options.body])


def served(arm: Arm) -> Arm:
    """The arm with the name of the model that answers: the one that a provider tuned, where it has such an adapter.

    Raises UsageError on wrong options, InvalidError on an adapter that this endpoint does not have.
    """
    options = options_of(arm)
    return replace(arm, model=hosted(arm.adapter, options.url).model, adapter="") if arm.adapter else arm


def options_of(arm: Arm) -> Options:
    """The arm's options. Raises UsageError naming the wrong one."""
    try:
        return msgspec.convert(arm.options, Options)
    except msgspec.ValidationError as error:
        known = ", ".join(Options.__struct_fields__)
        raise UsageError(f"the endpoint's options: {error}", where=f"arm {arm.name}", next=f"known: {known}") from error


def call_of(arm: Arm, options: Options, request: Request) -> tuple[str, dict[str, Json]]:
    """Path and body of a request. Raises UsageError for log-likelihoods, which this API does not give."""
    body: dict[str, Json] = {"model": arm.model, **_sampling(options, request)}
    if request.stop:
        body["stop"] = list(request.stop)
    if request.kind == "loglikelihood":
        raise UsageError("an endpoint gives no log-likelihoods", where=f"arm {arm.name}", next="use the hf backend")
    if request.kind == "complete":
        return "/completions", {**body, "prompt": request.text, **options.body}
    body["messages"] = [to_chat(message) for message in request.messages]
    if request.template_options:
        body["chat_template_kwargs"] = request.template_options
    if request.tools:
        body["tools"] = list(request.tools)
    if request.schema is not None:
        form = {"name": "reply", "schema": request.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return "/chat/completions", {**body, **options.body}


def _sampling(options: Options, request: Request) -> dict[str, Json]:
    """What the eval function set; the endpoint's own defaults stand for the rest, since many refuse to be told."""
    seed = (request.seed + request.repeat) % 2**31
    given = {options.max_tokens_name: "max_tokens", "temperature": "temperature", "top_p": "top_p"}
    sent = {name: getattr(request, field) for name, field in given.items() if request.sets(field)}
    return {**sent, "seed": seed} if seed else sent


def reply_of(answer: Json, seconds: float, prices: Prices | None = None) -> Reply:
    """The first choice. Raises EndpointError when the JSON is not a completion."""
    try:
        choice = answer["choices"][0]
        message = split_inline(from_chat(choice.get("message") or {"role": "assistant", "content": choice["text"]}))
        usage = _usage(answer.get("usage") or {})
        reply = Reply(
            text=message.text or _refusal(message),
            tool_calls=message.tool_calls,
            reasoning=message.reasoning,
            finish_reason=INCOMPLETE if never_closed(message) else choice.get("finish_reason") or "stop",
            usage=usage,
            seconds=seconds,
            cost=prices.of(usage) if prices else None,
        )
        return msgspec.convert(msgspec.to_builtins(reply), Reply)  # checked here, so that no cache keeps nonsense
    except (KeyError, IndexError, TypeError, AttributeError, msgspec.ValidationError, TrueupError) as error:
        raise EndpointError(f"the endpoint's answer is not a completion: {str(answer)[:200]}") from error


def _refusal(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, RefusalPart))


def _usage(given: dict[str, Any]) -> Usage:
    return Usage(
        input=given.get("prompt_tokens"),
        output=given.get("completion_tokens"),
        cache_read=(given.get("prompt_tokens_details") or {}).get("cached_tokens"),
        reasoning=(given.get("completion_tokens_details") or {}).get("reasoning_tokens"),
    )


def _retry_after(response: httpx2.Response) -> float:
    """Seconds that the endpoint asks to wait; 0 when it does not say, or says a date."""
    try:
        return float(response.headers.get("retry-after", 0))
    except ValueError:
        return 0.0
