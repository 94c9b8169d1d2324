"""Hold a conversation of several turns, in which the model calls tools and a simulated user may answer.

    run = model.session(case.messages, tools=[desk.find_order, desk.refund])
    run.play(user=user.scripted(["Yes, please."]))
    return score.outcome(desk.orders, case["after"])

Each turn is one request to the model, batched with those of other cases.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Protocol, runtime_checkable

from harness.errors import InputError, UsageError
from harness.evaluate.sessions.clock import timed
from harness.evaluate.sessions.limits import Spending
from harness.evaluate.sessions.results import RESULT_CHARS, text_of_result
from harness.evaluate.sessions.tool import FAULTS, REFUSALS, Tool, ToolRefused, of_function
from harness.evaluate.sessions.turn import SessionStep, SessionTurn, ToolCall, message_of, read_call
from harness.types import Json, Message, Reply, TextPart

TOOL_SECONDS = 30.0
DEEPEST = 5
"""How deep sessions may be nested: an agent that is a tool of an agent, and so on."""
LIMITS = frozenset({"turns", "tokens", "seconds", "cost", "calls", "user_turns"})
"""Why a session was ended before model and user were done."""

Speak = Callable[[Sequence[Message]], str | None]
"""A user: from the conversation so far to what they say next; None when they are done."""


@runtime_checkable
class Talker(Protocol):
    """A user of many sessions: `begin` gives the `Speak` of one. `most` bounds how often it speaks."""

    most: int

    def begin(self, identity: str) -> Speak: ...


class AgentSession:
    """A conversation that grows turn by turn.

    `messages` is the transcript with every tool call and result, `calls` every call that the model made, `steps` those
    that were answered, `text` the model's last words. `ended` says why it stopped: `answered` (the model spoke and nobody
    replied), `done` (the user was done), or the limit that was reached; empty while it goes on.

    `ask` is `Model.chat`. `tools`: Python functions, `Tool`s (recorded, of an MCP server), or bare JSON definitions, whose
    calls `next_call` hands out.
    """

    def __init__(
        self,
        ask: Callable[..., Reply],
        messages: tuple[Message, ...],
        tools: Sequence[Any],
        spending: Spending,
        sampling: dict[str, Any],
        *,
        tool_seconds: float = TOOL_SECONDS,
        result_chars: int = RESULT_CHARS,
        identity: str = "",
        depth: int = 0,
    ) -> None:
        self.messages = list(messages)
        self.calls: list[ToolCall] = []
        self.steps: list[SessionStep] = []
        self.text, self.ended = "", ""
        self.spending, self.tools, self.depth = spending, tuple(map(_tool, tools)), depth
        self._ask, self._sampling, self._identity = ask, sampling, identity
        self._tool_seconds, self._result_chars = tool_seconds, result_chars
        self._definitions = tuple(tool.definition if isinstance(tool, Tool) else tool for tool in self.tools)
        self._live = {tool.name: tool for tool in self.tools if isinstance(tool, Tool)}
        self._turn = SessionTurn(())
        self._turns = 0
        self._last_tools: frozenset[str] = frozenset()
        self._over = False
        self._tally: Counter[str] = Counter()
        self._before = {id(tool.tally): (tool.tally, Counter(tool.tally)) for tool in self._live.values()}
        _unique([_name(tool) for tool in self.tools])

    @property
    def exhausted(self) -> bool:
        """Whether a limit ended it."""
        return self.ended in LIMITS

    @property
    def turns(self) -> int:
        """Replies of the model in this session, without those of agents that are its tools."""
        return self._turns

    @property
    def tally(self) -> Counter[str]:
        """What a reader of its result must know: results that were cut, calls that no recording answers, and so on."""
        known = self._tally.copy()
        for now, before in self._before.values():
            known.update(now - before)
        return known

    def play(self, user: Talker | Speak | None = None, *, until: Sequence[str] = ()) -> "AgentSession":
        """Go on until the model has answered in words and the user, if there is one, is done, or a limit is reached.

        `user` speaks whenever the model has answered, and first when nobody has said anything. `until` names tools that
        end the session, such as a hand-over to a person: it is done once one of them was carried out. Raises what a tool
        raised beyond a refusal, ToolTimeout when one does not come back, UsageError when `until` names no tool.
        """
        self._set_last(until)
        speak, most = _speaker(user, self._identity)
        if speak is None and not self.messages:
            raise UsageError("nobody has said anything yet", next="model.session(case.messages, ...), or user=...")
        spoken = 0
        while True:
            if self.messages and self.messages[-1].role != "assistant" or self._turn.open:
                self._answer()
            if speak is None or self.exhausted or self.ended == "done":
                return self
            if spoken >= most:
                return self._end("user_turns")
            said = speak(tuple(self.messages))
            if said is None:
                return self._end("done")
            spoken += 1
            self._hear(said)

    def say(self, text: str) -> Reply:
        """Add a user message and return the model's answer to it, tools carried out on the way.

        Where tools are bare definitions the answer may hold calls: `next_call` hands them out. The answer is empty once a
        limit is reached. Raises UsageError while calls wait for their results.
        """
        self._hear(text)
        if self._live:
            self._answer()
        elif self._within():
            self._take_turn()
        return Reply(text="", finish_reason=self.ended) if self.exhausted else self._last

    def next_call(self, limit: int | None = 8) -> ToolCall | None:
        """The next call that is the eval function's to carry out, or None when the model has answered in words, has made
        `limit` calls, or a limit of the session is reached.

        Calls of functions are carried out on the way. A call that cannot be carried out is answered with its problem, as
        a real agent would, and the model goes on.
        """
        while True:
            self._settle()
            if not self._turn.waiting:
                if self._turn.open:
                    names = ", ".join(call.name for call in self._turn.unanswered())
                    raise UsageError(f"the calls of {names} have no result yet", next="chat.reply(call, result)")
                if self._answered() or self._over:
                    self.ended = "done" if self._over else "answered"
                    return None
                if not self._within():
                    return None
                self._take_turn()
                continue
            if limit is not None and len(self.calls) >= limit:
                self._end("calls")
                return None
            call = self._turn.waiting.popleft()
            self.calls.append(call)
            if call.problem:
                self._tally["calls that could not be carried out"] += 1
                self._give(call, {"error": call.problem}, refused=True)
            elif call.name in self._live:
                self._carry_out(call, self._live[call.name])
            else:
                return call

    def reply(self, call: ToolCall, result: Json) -> None:
        """Give the model the result of a call: text as it is, anything else as JSON.

        Calls of one turn may be answered in any order; the model reads the results in the order in which it made the
        calls. Raises UsageError for a call that is not waiting for a result.
        """
        self._give(call, result)

    def transcript(self) -> tuple[Message, ...]:
        """The messages, with results of a turn whose other calls have none."""
        return *self.messages, *(message_of(step) for step in self._turn.steps())

    def total(self, name: str) -> int:
        """How often the model called the tool `name`."""
        return sum(call.name == name for call in self.calls)

    # ------------------------------------------------------------ turns

    def _answer(self) -> None:
        """Turns until the model answers in words; every tool must be one that is carried out."""
        call = self.next_call(limit=None)
        if call is not None:
            raise UsageError(
                f"the tool {call.name!r} is only a definition, so nobody carries it out",
                next="give the session a function, or loop over chat.next_call()",
            )

    def _hear(self, text: str) -> None:
        self._settle()
        if self._turn.open:
            raise UsageError("the user speaks while calls have no result", next="chat.reply(call, result) first")
        self.ended, self._over = "", False
        self.messages.append(Message(role="user", parts=(TextPart(text=text),)))

    def _answered(self) -> bool:
        return bool(self.messages) and self.messages[-1].role == "assistant"

    def _within(self) -> bool:
        reached = self.spending.used_up()
        if reached:
            self._end(reached)
        return not reached

    def _end(self, why: str) -> "AgentSession":
        self.ended = why
        self._settle(every=True)
        return self

    def _take_turn(self) -> Reply:
        reply = self._last = self._ask(self.messages, tools=self._definitions, **self._sampling)
        words = (TextPart(text=reply.text),) if reply.text else ()
        self.messages.append(Message(role="assistant", parts=(*words, *reply.tool_calls)))
        self.text = reply.text
        self._turns += 1
        self._turn = SessionTurn([read_call(part, [_name(tool) for tool in self.tools]) for part in reply.tool_calls])
        return reply

    def _set_last(self, until: Sequence[str]) -> None:
        self._last_tools = frozenset((until,) if isinstance(until, str) else until)
        unknown = sorted(self._last_tools - self._live.keys())
        if unknown:
            raise UsageError(
                f"no tool {unknown[0]!r} can end the session", next=f"until= one of {', '.join(self._live)}"
            )

    # ------------------------------------------------------------ tools

    def _carry_out(self, call: ToolCall, tool: Tool) -> None:
        token = SESSION.set(self)
        refusal, result = "", None
        try:
            with timed(tool.name, self._tool_seconds) as clock:
                try:
                    result = tool.call(call.args)
                except REFUSALS as error:
                    if isinstance(error, FAULTS):
                        raise
                    refusal = _words(error)
                except AssertionError as error:  # of the tool's own code: no check of the model's answer
                    raise InputError(f"the tool {call.name!r} failed: {error!r}", next="fix the tool") from error
        finally:
            SESSION.reset(token)
        self.spending.add_tool_seconds(clock.seconds)
        self._give(call, {"error": refusal} if refusal else result, refused=bool(refusal))

    def _give(self, call: ToolCall, result: Json, refused: bool = False) -> None:
        content, cut = text_of_result(call.name, result, self._result_chars)
        self._tally.update({"tool results cut": 1} if cut else {})
        asked = next((message.text for message in reversed(self.messages) if message.role == "user"), "")
        self._turn.answer(call, SessionStep(call, content, refused, self._turns, asked))
        self._over = self._over or (call.name in self._last_tools and not refused)
        self._settle()

    def _settle(self, every: bool = False) -> None:
        """Put the results of a turn into the transcript once all are there; with `every`, those that are there."""
        if self._turn.results and (every or not self._turn.open):
            for step in self._turn.take():
                self.steps.append(step)
                self.messages.append(message_of(step))


SESSION: ContextVar[AgentSession | None] = ContextVar("trueup_agent_session", default=None)
"""The session whose tool is running."""


def nested() -> tuple[Spending | None, int]:
    """What a new session counts for, and how deep it is. Raises ToolRefused where agents are nested too deep."""
    above = SESSION.get()
    if above is None:
        return None, 0
    if above.depth + 1 >= DEEPEST:
        raise ToolRefused(f"agents are nested {DEEPEST} deep, and no deeper")
    return above.spending, above.depth + 1


def _tool(given: Any) -> Any:
    """A function as a `Tool`; a `Tool` or a definition as it is."""
    if isinstance(given, (Tool, dict)):
        return given
    if callable(given):
        return of_function(given)
    raise UsageError(f"not a tool: {given!r}", next="give a function, tools.recorded(case), or a JSON definition")


def _name(tool: Any) -> str:
    return tool.name if isinstance(tool, Tool) else str(tool.get("function", tool).get("name"))


def _unique(names: Sequence[str]) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise UsageError(f"two tools are named {twice[0]!r}", next="give each tool a name of its own")


def _words(error: BaseException) -> str:
    """A refusal as text: a KeyError's own is only the key."""
    text = " ".join(map(str, error.args)) if isinstance(error, KeyError) else str(error)
    return f"{type(error).__name__}: {text}" if isinstance(error, LookupError) or not text else text


def _speaker(user: Talker | Speak | None, identity: str) -> tuple[Speak | None, int]:
    if user is None:
        return None, 0
    return (user.begin(identity), user.most) if isinstance(user, Talker) else (user, USER_TURNS)


USER_TURNS = 20
"""How often a plain function may speak as the user."""
