"""Find the call that a feedback record is about.

Exact ids first, then the response id. Feedback on a trace, a session or a span above calls is about the answer that the
user got: the call whose output the trace returned, else the last one that could have been the answer. A call without
content, or one that wrote a title, guarded, routed or judged, is none of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from harness.types import Call, Feedback, ReasoningPart, ToolCallPart

OPENING = 80
"""Characters of a system text that tell one agent's prompt from another's; what follows often holds dates and data."""

Found = tuple[str, str]
"""Call id, and how it was found; both empty when no call is known."""


class Candidate(NamedTuple):
    """What is kept of a call that feedback on something above it may be about. They sort by the time they ended."""

    end_ns: int
    start_ns: int
    id: str
    trace_id: str
    content: bool
    answered: bool
    """It has an answer of its own; False for one that only called tools."""
    purpose: str
    above: tuple[str, ...]
    answers: tuple[str, ...]
    prompt: str


class Subjects:
    """Those facts of all calls that some feedback asks for, so that memory grows with the feedback, not the traffic."""

    def __init__(self, calls: Iterable[Call], feedback: Iterable[Feedback]) -> None:
        wanted = {key for record in feedback for key in _keys(record)}
        self._ids: dict[str, str] = {}
        self._responses: dict[str, str] = {}
        self._below: dict[str, list[Candidate]] = defaultdict(list)
        self.example = ""
        """A trace id as the calls have them; empty when none has one."""
        for call in calls:
            self.example = self.example or call.trace_id
            if call.id in wanted:
                self._ids[call.id] = call.id
            for key in _spans(call):
                if key in wanted:
                    self._ids.setdefault(key, call.id)
            if call.response_id in wanted:
                self._responses.setdefault(call.response_id, call.id)
            for above in dict.fromkeys(_above(call)):
                if above in wanted:
                    self._below[above].append(_candidate(call))
        for candidates in self._below.values():
            candidates.sort()

    def find(self, record: Feedback) -> Found:
        exact = self._ids.get(record.call_id) or self._ids.get(f"{record.trace_id}:{record.span_id}")
        if exact:
            return exact, "exact"
        if record.response_id and record.response_id in self._responses:
            return self._responses[record.response_id], "response"
        for above in _reach(record):
            if above in self._below:
                return _answer(self._below[above], above, record.at_ns)
        return "", ""


def _answer(candidates: Sequence[Candidate], above: str, at_ns: int) -> Found:
    """The call that gave the answer which the feedback is on."""
    before = [candidate for candidate in candidates if candidate.end_ns <= at_ns] if at_ns else []
    likely = _left(before or candidates, lambda candidate: candidate.content)
    trace_id = _left(likely, lambda candidate: not candidate.purpose)[-1].trace_id
    likely = [candidate for candidate in likely if candidate.trace_id == trace_id]  # of a session: its last trace
    span_id = above.rpartition(":")[2] if above.startswith("span:") else ""
    returned = _returned(likely, span_id)
    if not returned:
        likely = _left(_left(likely, lambda candidate: not candidate.purpose), lambda candidate: candidate.answered)
        returned = _returned(likely, span_id)
    if len(returned) == 1:
        return returned[0].id, "answer"
    likely = returned or likely
    how = "only" if len(likely) == 1 else "last" if _in_turn(likely) else "ambiguous"
    return likely[-1].id, how


def _left(candidates: Sequence[Candidate], possible: Callable[[Candidate], bool]) -> Sequence[Candidate]:
    """Those that are possible; all of them where none is."""
    return [candidate for candidate in candidates if possible(candidate)] or candidates


def _returned(candidates: Sequence[Candidate], span_id: str) -> Sequence[Candidate]:
    """Those whose output is that of the span or, for a whole trace, of the outermost span above all of them."""
    if len(candidates) == 1:
        return []
    common = set(candidates[0].above).intersection(*(candidate.above for candidate in candidates[1:]))
    outer = [span_id] if span_id else [span for span in reversed(candidates[0].above) if span in common]
    matches = ([candidate for candidate in candidates if above in candidate.answers] for above in outer)
    return next((same for same in matches if same), [])


def _in_turn(candidates: Sequence[Candidate]) -> bool:
    """Whether the last is known to be: it began when the others had ended, and all are of one agent."""
    began = candidates[-1].start_ns or candidates[-1].end_ns
    in_turn = began > 0 and all(candidate.end_ns <= began for candidate in candidates[:-1])
    apart = candidates[-1].end_ns > candidates[-2].end_ns
    return in_turn and apart and len({candidate.prompt for candidate in candidates}) == 1


def _candidate(call: Call) -> Candidate:
    parts = [part for message in call.output for part in message.parts]
    system = next((message.text for message in call.input if message.role in ("system", "developer")), "")
    return Candidate(
        end_ns=call.end_ns,
        start_ns=call.start_ns,
        id=call.id,
        trace_id=call.trace_id,
        content=bool(parts),
        answered=any(not isinstance(part, (ToolCallPart, ReasoningPart)) for part in parts),
        purpose=call.purpose,
        above=call.above,
        answers=call.answers,
        prompt=system[:OPENING],
    )


def _keys(record: Feedback) -> Iterator[str]:
    """All that `find` may look up for a record."""
    yield from (record.call_id, f"{record.trace_id}:{record.span_id}", record.response_id, *_reach(record))


def _spans(call: Call) -> Iterator[str]:
    for span_id in (call.span_id, *call.source.span_ids):
        if ":" in span_id:  # of another trace, where the call was recorded too
            yield span_id
            yield f":{span_id.partition(':')[2]}"
        elif span_id:
            yield f"{call.trace_id}:{span_id}"
            yield f":{span_id}"  # feedback that names the span only


def _above(call: Call) -> Iterator[str]:
    for span_id in call.source.span_ids:
        if ":" in span_id:
            yield f"trace:{span_id.partition(':')[0]}"
    if call.trace_id:
        yield f"trace:{call.trace_id}"
    for span_id in (call.parent_span_id, *call.above):
        if span_id:
            yield f"span:{call.trace_id}:{span_id}"
            yield f"span::{span_id}"
    if call.session_id:
        yield f"session:{call.session_id}"


def _reach(record: Feedback) -> Iterator[str]:
    if record.span_id:
        yield f"span:{record.trace_id}:{record.span_id}"
    if record.trace_id:
        yield f"trace:{record.trace_id}"
    elif record.session_id:
        yield f"session:{record.session_id}"
