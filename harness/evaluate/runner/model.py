"""Offer the `model` of eval functions: plain methods that wait for the answer."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from harness.core.codec import digest, from_chat
from harness.core.rendering import merge_prompt
from harness.errors import UsageError
from harness.evaluate.application.door import CaseDoor
from harness.evaluate.runner.turns import unsent
from harness.evaluate.sessions.clock import paused
from harness.evaluate.sessions.limits import TURNS, SessionLimits, Spending
from harness.evaluate.sessions.results import RESULT_CHARS
from harness.evaluate.sessions.session import TOOL_SECONDS, AgentSession, nested
from harness.types import Arm, Json, Message, Prompt, Reply, Request, TextPart

Said = str | Message | Sequence[Message | Mapping[str, Any]]
"""A conversation: one user message as text, or messages in our own form or the OpenAI one."""


class Exchange(msgspec.Struct, frozen=True):
    """One request of a case, its reply or what was raised in its place, and when (ns since 1970)."""

    request: Request
    answer: Reply | Exception
    start_ns: int
    end_ns: int
    prompt: tuple[Message, ...] = ()
    """Messages of the arm's prompt, at the head of the request's where it is put in front."""


class Model:
    """One arm, asked on behalf of one case.

    `identity` names case and repeat: sampling is seeded with it, so every arm sees the same random numbers.
    `replies` keeps every reply in order, for the result, `conversations` the conversation that each answers, without the
    prompt, `sessions` each session that was begun, and `exchanges` every request. `fill` adds what a prompt takes from the
    training split for the conversation at hand. Without `prompted` the arm's prompt is left out:
    what a suite of general ability asks for.
    """

    def __init__(
        self,
        arm: Arm,
        ask: Callable[[Request], Reply],
        identity: str = "",
        repeat: int = 0,
        prompted: bool = True,
        fill: Callable[[Prompt, tuple[Message, ...]], Prompt] = lambda prompt, messages: prompt,
    ) -> None:
        self.arm = arm
        self._fill = fill
        self._prompt = arm.prompt if prompted else Prompt(name="none")
        self.replies: list[Reply] = []
        self.conversations: list[tuple[Message, ...]] = []
        self.exchanges: list[Exchange] = []
        self.sessions: list[AgentSession] = []
        self.unanswered: Exception | None = None
        """Why a call that an application made for this case was not served: it makes the case an error."""
        self._door: CaseDoor | None = None
        self._ask, self._identity, self._repeat = ask, identity, repeat

    def __repr__(self) -> str:
        return f"<model {self.arm.name}>"

    def chat(
        self,
        messages: Said,
        *,
        max_tokens: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        schema: Json = None,
        tools: Sequence[Json] = (),
        stop: Sequence[str] = (),
    ) -> Reply:
        """The assistant's answer to a conversation, after the arm's prompt.

        `max_tokens` bounds the new tokens (256); `temperature` 0, the default, is greedy. What is not set here is not
        sent to an endpoint either: its own defaults count. Raises what the environment raised; an answer that is merely
        bad is returned.
        """
        request = Request(messages=self._prompted(messages), schema=schema, tools=tuple(tools), stop=_texts(stop))
        reply = self._send(_sampled(request, max_tokens=max_tokens, temperature=temperature, top_p=top_p))
        return self._keep(messages, reply)

    def complete(
        self,
        text: str,
        *,
        max_tokens: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        stop: Sequence[str] = (),
    ) -> Reply:
        """What follows the raw `text`, without chat template or prompt."""
        request = Request(kind="complete", text=text, stop=_texts(stop))
        reply = self._send(_sampled(request, max_tokens=max_tokens, temperature=temperature, top_p=top_p))
        return self._keep(text, reply)

    def choose(self, messages: Said, options: Sequence[str], *, normalize: bool = False, raw: bool = False) -> Reply:
        """The option that the model finds likeliest as its answer; `reply.logprobs` has the sum for each, in nats.

        `normalize` divides each sum by the option's length in UTF-8 bytes, so that long options stand a chance (the
        `acc_norm` of lm-evaluation-harness). `raw` takes `messages` as bare text, without chat template and prompt.
        """
        if len(options) < 2 or len(set(options)) < len(options):
            raise UsageError(f"choose() needs two or more different options, not {list(options)!r}")
        reply = self._send(self._likelihood(messages, options, raw))
        sizes = [max(1, len(option.encode())) if normalize else 1 for option in options]
        best = max(range(len(options)), key=lambda index: reply.logprobs[index] / sizes[index])
        return self._keep(messages, replace(reply, text=options[best]))

    def loglikelihood(self, text: Said, continuation: str, *, raw: bool = True) -> float:
        """Log-probability of `continuation` after `text`, summed over its tokens, in nats."""
        return self._keep(text, self._send(self._likelihood(text, (continuation,), raw))).logprobs[0]

    def loglikelihoods(self, text: str, continuations: Sequence[str]) -> dict[str, tuple[float, bool]]:
        """For each continuation of the raw `text` its log-probability in nats, and whether greedy decoding writes it."""
        reply = self._keep(text, self._send(self._likelihood(text, continuations, raw=True)))
        return dict(zip(continuations, zip(reply.logprobs, reply.greedy, strict=True), strict=True))

    def session(
        self,
        messages: Said = (),
        tools: Sequence[Any] = (),
        *,
        turns: int = TURNS,
        tokens: int | None = None,
        seconds: float | None = None,
        cost: float | None = None,
        tool_seconds: float = TOOL_SECONDS,
        result_chars: int = RESULT_CHARS,
        **sampling: Any,
    ) -> AgentSession:
        """A conversation of several turns; see `AgentSession`.

        `tools` are Python functions (with type hints and a docstring), what `trueup.tools` gives, or JSON definitions.
        `turns`, `tokens`, `seconds` and `cost` bound the session (`SessionLimits`), `tool_seconds` each tool call, after
        which the case is an error, and `result_chars` what the model is shown of a result. `sampling` goes to `chat`.
        Raises UsageError for what is no tool, and for two tools of one name.
        """
        above, depth = nested()
        session = AgentSession(
            self.chat,
            conversation(messages),
            tools,
            Spending(SessionLimits(turns, tokens, seconds, cost), lambda: self.replies, above),
            sampling,
            tool_seconds=tool_seconds,
            result_chars=result_chars,
            identity=f"{self._identity} {self._repeat}",
            depth=depth,
        )
        self.sessions.append(session)
        return session

    def closing(self) -> tuple[Message, ...]:
        """What its last session held after the last reply; a session that a tool opened is not the case's own."""
        own = [session for session in self.sessions if not session.depth]
        return unsent(own[-1].transcript()) if own else ()

    def notes(self) -> tuple[str, ...]:
        """What a reader of the result must know of its sessions: the limit that ended one, calls without a recording, ..."""
        known: Counter[str] = Counter()
        for session in self.sessions:
            known.update(session.tally)
            known.update({f"sessions ended by the limit of {session.ended}": 1} if session.exhausted else {})
        return tuple(f"{what}: {count}" for what, count in sorted(known.items()))

    @property
    def base_url(self) -> str:
        """An address of this case's own, ending in `/v1`, for code that speaks the OpenAI API, in this process or another.

        Its calls are the case's, but wait one by one. Raises InputError when the case has ended.
        """
        return self._opened().url

    def client(self) -> Any:
        """An `openai.OpenAI` whose calls are the case's, batched with those of other cases; any key and model name will do.

        Raises UsageError without the package (`pip install 'trueup[hosted]'`).
        """
        return self._client(asynchronous=False)

    def async_client(self) -> Any:
        """The same as an `openai.AsyncOpenAI`, for `asyncio.run(agent(...))` in an eval function."""
        return self._client(asynchronous=True)

    def close(self) -> None:
        """The case has ended: what still comes by its clients or its address is refused."""
        if self._door is not None:
            self._door.close()

    def failed(self) -> Exception | None:
        """What kept a call of an application from being served, if anything did."""
        return self.unanswered or (self._door.failure if self._door is not None else None)

    def _client(self, asynchronous: bool) -> Any:
        from harness.evaluate.application.client import client  # it brings the package openai with it

        return client(self._opened(), asynchronous)

    def _opened(self) -> CaseDoor:
        self._door = self._door or CaseDoor(self, self.arm.name)
        return self._door

    def _template_options(self, request: Request) -> dict[str, Json]:
        """Raw text is not rendered, so no variable of a template changes it."""
        return self.arm.template_options if request.messages else {}

    def _likelihood(self, said: Said, options: Sequence[str], raw: bool) -> Request:
        if raw and not isinstance(said, str):
            raise UsageError("raw=True takes plain text, not messages")
        texts = tuple(options)
        if raw:
            return Request(kind="loglikelihood", text=str(said), options=texts)
        return Request(kind="loglikelihood", messages=self._prompted(said), options=texts)

    def _prompted(self, said: Said) -> tuple[Message, ...]:
        messages = conversation(said)
        merged = merge_prompt(self._fill(self._prompt, messages), messages)
        if not messages and all(message.role == "system" for message in merged):
            raise UsageError(
                "there is nothing to ask: the case has no conversation",
                next="a row's message goes into the column `text`, `input` or `messages`; check its spelling",
            )
        return merged

    def _keep(self, said: Said, reply: Reply) -> Reply:
        self.conversations.append(conversation(said))
        self.replies.append(reply)
        return reply

    def _send(self, request: Request) -> Reply:
        seed = 0
        if request.temperature > 0:
            seed = int(digest([self._identity, self._repeat, len(self.replies)])[:8], 16)
        request = replace(request, seed=seed, repeat=self._repeat, template_options=self._template_options(request))
        started = time.time_ns()
        try:
            with paused():
                reply = self._ask(request)
        except Exception as error:
            self._note(request, error, started)
            raise
        self._note(request, reply, started)
        return reply

    def _note(self, request: Request, answer: Reply | Exception, started: int) -> None:
        self.exchanges.append(Exchange(request, answer, started, time.time_ns(), self._prompt.messages))


def conversation(said: Said) -> tuple[Message, ...]:
    """Messages of whatever an eval function gives as a conversation. Raises InputError on what is not a message."""
    if isinstance(said, str):
        return (Message(role="user", parts=(TextPart(text=said),)),)
    if isinstance(said, Message):
        return (said,)
    return tuple(from_chat(dict(item) if isinstance(item, Mapping) else item) for item in said)


def _sampled(request: Request, **settings: float | None) -> Request:
    """The request with what was set of its sampling; what was set to its default anyway is named in `given`."""
    known = {name: value for name, value in settings.items() if value is not None}
    same = (name for name, value in known.items() if value == getattr(request, name))
    return replace(request, **known, given=tuple(sorted(same)))


def _texts(texts: Sequence[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)
