"""Build the trajectories of agents from the calls of a session: which call continues which, each message once.

A call continues a run when its input goes on from the run's last answer: it repeats it, or brings the results of its tool
calls. Nothing else ties calls together: a router, a title and a second agent of one trace have histories of their own. A run
that another run's tool started knows its parent by the tool's span.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from harness.core.codec import canonical
from harness.core.feedback_override import best_correction
from harness.core.replies import confirms
from harness.core.tool_uses import results_by_id, tool_uses
from harness.types import Call, Feedback, Message, Step, ToolCallPart, ToolResultPart, Trajectory

FeedbackByCall = Mapping[str, Sequence[Feedback]]
"""Call id to what was said of the call."""
NOTHING: FeedbackByCall = {}


def uses_tools(call: Call) -> bool:
    """Whether a call is a step of an agent: it calls tools, or was given what they said."""
    return any(message.tool_calls for message in call.output) or any(
        isinstance(part, (ToolResultPart, ToolCallPart)) for message in call.input for part in message.parts
    )


def conversation_of(call: Call) -> str:
    """What keeps the calls of one conversation together: its session, or for an agent's step without one its trace; empty
    for a call that stands alone."""
    if call.session_id:
        return f"session:{call.session_id}"
    return f"trace:{call.trace_id}" if call.trace_id and uses_tools(call) else ""


def trajectories(calls: Sequence[Call], feedback: FeedbackByCall = NOTHING) -> tuple[Trajectory, ...]:
    """The runs among the calls of a session, given in order of time; by their first call.

    Calls that only helped (titles, guards) are `aside` of the runs of their trace. Time and memory grow with the length of
    the inputs.
    """
    threads: list[_Thread] = []
    by_mark: dict[str, list[_Thread]] = defaultdict(list)
    helpers: dict[str, list[str]] = defaultdict(list)
    for call in calls:
        if call.purpose and not uses_tools(call):
            helpers[call.trace_id].append(call.id)
            continue
        asked = _Asked(call)
        thread = _continued(asked, by_mark)
        if thread is None:
            thread = _Thread()
            threads.append(thread)
        thread.add(asked)
        for mark in thread.marks:
            by_mark[mark].append(thread)
    starters = {run.span_id: call.id for call in calls for run in call.tool_runs if run.span_id}
    return tuple(thread.trajectory(feedback, helpers, starters) for thread in threads)


def outcome_of(calls: Sequence[Call], feedback: FeedbackByCall) -> tuple[float | None, str]:
    """How a run ended by all that was said of its calls, and the name of the feedback that says so; 0 the worst, 1 the best.

    Blame of any step counts against the run, praise of one step speaks for it where nothing does against it. A correction
    of a step is blame.
    """
    worst: tuple[float, str] | None = None
    for call in calls:
        items = feedback.get(call.id, ())
        best = best_correction(items)
        if best is not None and not confirms(best.correction or "", call):
            return 0.0, best.name or "correction"
        for item in items:
            value = item.goodness if item.goodness is not None else _READINGS.get(item.reading)
            if value is not None and (worst is None or value < worst[0]):
                worst = value, item.name or "feedback"
    return worst or (None, "")


_READINGS = {"praise": 1.0, "blame": 0.0}


class _Asked:
    """A call with its input in the form in which inputs are compared: the parts of one answer are one message."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.input = _joined(call.input)
        self.answers = [at for at, message in enumerate(self.input) if message.role == "assistant"]
        self.last = self.answers[-1] if self.answers else -1
        """Place of the last answer in the input."""

    def given(self) -> list[str]:
        """Marks of the last answer in the input, and of the results after it."""
        after = [part for message in self.input[self.last + 1 :] for part in message.parts]
        results = [part.id for part in after if isinstance(part, ToolResultPart)]
        own = _marks(self.input[self.last]) if self.answers else []
        return [*own, *(f"id:{id}" for id in results if id)]

    def earlier(self) -> Iterator[str]:
        """Marks of the answers before that, the latest first; then of a call before it whose answer is not recorded."""
        for at in reversed(self.answers[:-1]):
            yield from _marks(self.input[at])
        yield self.open

    @property
    def open(self) -> str:
        """What a call whose answer is not recorded is known by."""
        return f"open:{self.call.trace_id or self.call.session_id}"

    @property
    def reworded(self) -> str:
        """What a call is known by that was asked all before the last answer: the answer may be repeated in other words, as
        when an agent writes its tool calls as text."""
        return f"asked:{self.call.trace_id}:{self.last}"


class _Thread:
    """One run while its calls are added."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.messages: list[Message] = []
        self.marks: list[str] = []
        """What its last answer is known by."""
        self._places: list[int] = []
        self._flags: set[str] = set()

    def add(self, asked: _Asked) -> None:
        call = asked.call
        if not self._is_again(call):
            new = self._new(asked)
            if self.calls and any(message.role == "assistant" for message in new):
                self._flags.add("spans_missing")
            self.messages += new
        if call.error:
            self._flags.add("calls_failed")
        self.calls.append(call)
        if not call.output:
            self._places.append(-1)
            self.marks = [asked.open]
            return
        self._places.append(len(self.messages))
        answer = Message(role=call.output[0].role, parts=call.output[0].parts)
        self.marks = _marks(answer)
        if call.trace_id:
            self.marks.append(f"asked:{call.trace_id}:{len(self.messages)}")
        self.messages.append(answer)

    def held_by(self, asked: _Asked, size: int = -1) -> bool:
        """Whether an input begins with the run's first `size` messages; by default with all."""
        size = len(self.messages) if size < 0 else size
        return len(asked.input) >= size and all(map(_alike, asked.input[:size], self.messages[:size]))

    def _is_again(self, call: Call) -> bool:
        """Whether a call is the one before it again, which got no answer."""
        return bool(self.calls) and not self.calls[-1].output and self.calls[-1].input == call.input

    def _new(self, asked: _Asked) -> Sequence[Message]:
        """What an input says that was not said before."""
        if not self.calls or not asked.input:
            return asked.input
        if self.held_by(asked):
            return asked.input[len(self.messages) :]
        if asked.answers:
            self._flags.add("history_changed")
            return asked.input[asked.last + 1 :]
        pairs = enumerate(zip(asked.input, self.messages, strict=False))  # a provider keeps the history itself
        return asked.input[next((at for at, pair in pairs if not _alike(*pair)), 0) :]

    def trajectory(
        self, feedback: FeedbackByCall, helpers: Mapping[str, Sequence[str]], starters: Mapping[str, str]
    ) -> Trajectory:
        first, own = self.calls[0], {call.id for call in self.calls}
        traces = tuple(dict.fromkeys(call.trace_id for call in self.calls if call.trace_id))
        outcome, name = outcome_of(self.calls, feedback)
        steps = tuple(self._steps())
        return Trajectory(
            id=first.id,
            steps=steps,
            messages=tuple(self.messages),
            tools=tuple({canonical(tool): tool for call in self.calls for tool in call.tools}.values()),
            trace_ids=traces,
            session_id=first.session_id,
            user_id=first.user_id,
            route=first.route,
            state={key: value for call in self.calls for key, value in call.metadata.items()},
            outcome=outcome,
            outcome_by=name,
            parent=next((starters[span] for span in first.above if starters.get(span, first.id) not in own), ""),
            aside=tuple(helper for trace in traces for helper in helpers.get(trace, ())),
            flags=tuple(sorted(self._flags | self._lacks(steps))),
        )

    def _steps(self) -> Iterator[Step]:
        anywhere = results_by_id(self.messages)
        ends = [*self._places[1:], len(self.messages)]
        for number in reversed(
            range(len(ends) - 1)
        ):  # a call without an answer has no place: the next one ends the step
            ends[number] = ends[number] if ends[number] >= 0 else ends[number + 1]
        turn = seen = 0
        for call, at, end in zip(self.calls, self._places, ends, strict=True):
            turn += sum(
                message.role == "user" and bool(message.text) for message in self.messages[seen : max(at, seen)]
            )
            seen = max(at, seen)
            yield Step(
                call_id=call.id,
                at=at,
                turn=turn,
                tools=tuple(tool_uses(call, self.messages[at + 1 : end] if at >= 0 else (), anywhere)),
                error=f"{call.error.type}: {call.error.message}".rstrip(": ") if call.error else "",
            )

    def _lacks(self, steps: Sequence[Step]) -> set[str]:
        """What the trace does not tell: results of tools that the run went on after, and calls that results answer."""
        uses = [use for step in steps for use in step.tools]
        made = {part.id for message in self.messages for part in message.tool_calls} | {use.id for use in uses}
        results = [part.id for message in self.messages for part in message.parts if isinstance(part, ToolResultPart)]
        foreign = sum(bool(id) and id not in made for id in results)
        placed = sum(use.told_by == "message" and use.id not in results for use in uses)  # known by another id there
        lacks = {"spans_missing"} if foreign > placed else set()
        if any(use.result is None for step in steps[:-1] for use in step.tools):
            lacks.add("results_missing")
        return lacks


def _continued(asked: _Asked, by_mark: Mapping[str, Sequence[_Thread]]) -> _Thread | None:
    """The run that a call goes on with, the latest of several: one whose last answer it was given, of its own trace or with
    its whole history; one whose history it has with answers of calls that are not recorded; one whose last answer it has in
    other words."""
    trace = asked.call.trace_id

    def known_by(mark: str) -> Iterator[_Thread]:
        return (thread for thread in reversed(by_mark.get(mark, ())) if mark in thread.marks)

    matching = [thread for mark in asked.given() for thread in known_by(mark)]
    for thread in matching:
        if trace and thread.calls[-1].trace_id == trace:
            return thread
    further = (thread for mark in asked.earlier() for thread in known_by(mark))
    whole = next((thread for some in (matching, further) for thread in some if thread.held_by(asked)), None)
    if whole is not None or not (trace and asked.answers):
        return whole
    reworded = (thread for thread in known_by(asked.reworded) if thread.held_by(asked, asked.last))
    return next(reworded, None)


def _marks(answer: Message) -> list[str]:
    """What an answer is known by where it is repeated: the ids of its tool calls, else what it said."""
    ids = [f"id:{part.id}" for part in answer.tool_calls if part.id]
    if ids:
        return ids
    content = (answer.text.strip(), *(f"{part.name}({part.arguments})" for part in answer.tool_calls))
    return [f"said:{hash(content)}"] if any(content) else []


def _alike(one: Message, two: Message) -> bool:
    """Whether two messages are the same; how an answer thought and ended is not repeated."""
    return one == two or (one.role == two.role == "assistant" and _marks(one) == _marks(two) != [])


def _joined(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Neighbouring messages of the assistant as one: some producers write a message for each item of an answer."""
    joined: list[Message] = []
    for message in messages:
        if joined and message.role == joined[-1].role == "assistant":
            joined[-1] = Message(role="assistant", parts=(*joined[-1].parts, *message.parts))
        else:
            joined.append(message)
    return tuple(joined)
