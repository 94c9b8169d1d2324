"""Ask an endpoint with the OpenAI chat API: OpenAI, vLLM, `transformers serve`, llama.cpp, a gateway.

Requests of a batch are sent side by side. What the environment breaks (429, 5xx, time-outs, lost connections) is tried
again with growing pauses, or after the time that the endpoint names; what stays broken is an error of that case, never
an empty answer. An endpoint's weights cannot be hashed, so the digest holds its address and the model's name: give a
new name to a new model. An arm with an adapter of the `hosted` recipe asks the model that the provider tuned; any other
adapter is loaded by the server at run time, which vLLM can do.

Options of the arm: `url` (up to and with `/v1`), `key_env` (name of the variable that holds the API key), `concurrency`
(8), `timeout` of a try in seconds (120), `retries` (5), `per_minute` (requests, no limit), `body` (further fields of
each call, such as `temperature = 0`), `max_tokens_name`, `prices` (of a million `input`, `cached` and `output` tokens, for `Reply.cost`).
"""

from collections.abc import Sequence
from typing import Any, Literal

import httpx2
import msgspec
from msgspec.structs import replace

from harness.core.adapters import HOSTED, hosted, intact
from harness.core.codec import digest as content_id
from harness.core.codec import from_chat, to_chat
from harness.core.reading import INCOMPLETE, never_closed, split_inline
from harness.errors import TrueupError, UsageError
from harness.evaluate.prices import Prices
from harness.evaluate.serving.calls import Address, Answered, Caller, EndpointCall, EndpointError
from harness.evaluate.serving.runtime_adapters import PREFIX, RuntimeAdapters, runtime_name
from harness.types import Arm, Json, Message, RefusalPart, Reply, Request, Usage

PREFERRED_BATCH = 64
SCHEMA = True
"""Replies can be held to a JSON schema."""
DRIFTS = True
"""What answers is known by its name only and may change: a judge is tried anew each night."""


class Options(Address, frozen=True, forbid_unknown_fields=True):
    """The arm's options, checked: where calls go, and what is in them."""

    body: dict[str, Json] = {}
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the endpoint calls the bound on new tokens; OpenAI's reasoning models take `max_completion_tokens` only."""
    prices: Prices | None = None


class Endpoint:
    """The backend. `transport` stands in for the network in tests."""

    preferred_batch = PREFERRED_BATCH

    def __init__(self, transport: httpx2.AsyncBaseTransport | None = None, first_pause: float = 0.0) -> None:
        self._caller = Caller(transport, first_pause)
        self._adapters: dict[str, RuntimeAdapters] = {}
        """Address to the local adapters that its server was made to load."""

    def digest(self, arm: Arm) -> str:
        return digest(arm)

    def answer(self, arm: Arm, requests: Sequence[Request]) -> list[Reply | Exception]:
        """A reply for each request, in order, or the EndpointError or UsageError in its place.

        Raises EndpointError or InvalidError when the arm's local adapter cannot be loaded by the server.
        """
        options = options_of(arm)
        if arm.adapter and intact(arm.adapter).form != HOSTED:
            self._loaded(options).ensure(arm)
        arm = served(arm)
        answers: dict[int, Reply | Exception] = {}
        calls: dict[int, EndpointCall] = {}
        for place, request in enumerate(requests):
            try:
                calls[place] = EndpointCall(*call_of(arm, options, request))
            except TrueupError as error:
                answers[place] = error
        given = self._caller.post(options, list(calls.values()))
        answers |= {place: _read(answer, options.prices) for place, answer in zip(calls, given, strict=True)}
        return [answers[place] for place in range(len(requests))]

    def close(self) -> None:
        """Unload the adapters that were loaded. Connections live no longer than a batch."""
        for loaded in self._adapters.values():
            loaded.unload()

    def _loaded(self, address: Address) -> RuntimeAdapters:
        if address.url not in self._adapters:
            self._adapters[address.url] = RuntimeAdapters(self._caller, address)
        return self._adapters[address.url]


def _read(answer: Answered | EndpointError, prices: Prices | None) -> Reply | Exception:
    if isinstance(answer, EndpointError):
        return answer
    try:
        return reply_of(answer.json, answer.seconds, prices)
    except EndpointError as error:
        return error


def open(arms: Sequence[Arm], *, batch_size: int = 0) -> Endpoint:
    """The backend for these arms. Raises UsageError when an arm's options are wrong."""
    for arm in arms:
        served(arm)
    return Endpoint()


def digest(arm: Arm) -> str:
    """Content id of address, model name, further fields and local adapter: all that is known of a model behind an endpoint."""
    options, asked = options_of(arm), served(arm)
    known = ["openai-compatible-1", options.url.rstrip("/"), asked.model, options.body]
    return content_id([*known, arm.model] if asked.model.startswith(PREFIX) else known)


def at_most(arm: Arm, request: Request) -> float | None:
    """The most that the reply may cost; None without `prices`. Raises UsageError on wrong options."""
    prices = options_of(arm).prices
    return prices.at_most(request) if prices else None


def served(arm: Arm) -> Arm:
    """The arm with the name of the model that answers: a provider's tuned one, or the local adapter that the server loads.

    Raises UsageError on wrong options, InvalidError on an adapter that this endpoint does not have.
    """
    options = options_of(arm)
    if not arm.adapter:
        return arm
    manifest = intact(arm.adapter)
    name = hosted(arm.adapter, options.url).model if manifest.form == HOSTED else runtime_name(manifest, arm)
    return replace(arm, model=name, adapter="")


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
