"""Choose the target of a call by the best evidence there is.

In this order: a person's correction; a later answer in the same session that passed, or what successful runs of an agent
answered after the same history; a teacher's answer that every scorer
accepts; production's own answer where feedback and every detector agree. Feedback alone is never a label. What a person
turned down in review is no target, whoever gave it.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set

from msgspec.structs import replace

from harness.core.agent_turns import goes_on, refused, tool_results
from harness.core.feedback_override import best_correction
from harness.core.feedback_scale import REVIEW
from harness.core.near_duplicates import normalise, similarity
from harness.core.replies import confirms, corrected, expected_of, json_object
from harness.curate.rows import CallRow, RowTarget, contents
from harness.types import Call, Case, Fate, Feedback, Json, Message, ReasoningPart, TextPart

Conversations = Mapping[str, Sequence[Message]]
"""Call id to its input without the application's prompt."""

REJECTED = "rejected"
"""Label of the feedback of the name `REVIEW` by which a person turns a target down."""

RANK = {"correction": 0, "retry": 1, "teacher": 2, "production": 3, "unopposed": 4}
"""Provenance, best first."""

SAME = 0.8
"""Jaccard index of character 5-shingles from which two messages are one request."""


class Style:
    """How production writes JSON: order of keys, and spaces after separators.

    Corrections come from forms and databases in any key order; a target that looked different each time would teach the
    model to toss a coin.
    """

    def __init__(self, answers: Iterable[str]) -> None:
        orders: Counter[tuple[str, ...]] = Counter()
        spaced = 0
        for answer in answers:
            value = json_object(answer)
            if value:
                orders[tuple(value)] += 1
                spaced += 1 if '": ' in answer else -1
        self._separators = (", ", ": ") if spaced >= 0 else (",", ":")
        self._order: dict[frozenset[str], tuple[str, ...]] = {}
        for order, _ in sorted(orders.items(), key=lambda item: (-item[1], item[0])):
            self._order.setdefault(frozenset(order), order)

    def render(self, answer: str) -> str:
        """A JSON object in the usual key order and spacing; any other text as it is, without outer space."""
        value = json_object(answer)
        if value is None:
            return answer.strip()
        order = self._order.get(frozenset(value), tuple(value))
        return json.dumps({key: value[key] for key in order}, ensure_ascii=False, separators=self._separators)


def from_correction(said: Sequence[Feedback], style: Style, call: Call | None = None) -> RowTarget | None:
    """The latest correction; a person's goes before a program's. None where two of one time differ.

    A correction is the answer's text, JSON, or a whole assistant message in chat form where a tool should have been
    called: {"role": "assistant", "tool_calls": [...]}; see `harness.core.replies.corrected`.
    """
    best = best_correction(said)
    if best is None:
        return None
    message = _styled(_thought(best.correction or "", call), style)
    return _target(message, "correction", best.at_ns) if message.text or message.tool_calls else None


def _thought(correction: str, call: Call | None) -> Message:
    """The corrected message; one that says what the call answered has the call's reasoning, which a text cannot hold."""
    message = corrected(correction, call)
    if call is None or message.reasoning or not confirms(correction, call):
        return message
    thoughts = tuple(part for part in call.output[0].parts if isinstance(part, ReasoningPart))
    return replace(message, parts=(*thoughts, *message.parts))


def expectations(said: Sequence[Feedback]) -> dict[str, Json]:
    """What people said a right answer must have (facts, guidelines, tools), by name; the newest of a name."""
    held: dict[str, Json] = {}
    for item in sorted(said, key=lambda item: (item.at_ns, item.id)):
        if item.expectation is not None:
            found = json_object(item.expectation)
            held |= found if found is not None and item.name == "feedback" else {item.name: _value(item.expectation)}
    return {f"expected_{name}" if name in Case.__struct_fields__ else name: value for name, value in held.items()}


def _value(text: str) -> Json:
    """JSON that an expectation was written as; a text stays a text."""
    try:
        return json.loads(text) if text[:1] in ("{", "[") else text
    except ValueError:
        return text


def from_teacher(message: Message) -> RowTarget:
    """An answer that the scorers accepted; see `harness/curate/teacher/step.py`."""
    return _target(message, "teacher", 0)


def turned_down(said: Sequence[Feedback]) -> bool:
    """Is a person's last word in review that the target is wrong?"""
    reviews = [item for item in said if item.name == REVIEW]
    last = max(reviews, key=lambda item: (item.at_ns, item.id), default=None)
    return last is not None and last.correction is None and last.label == REJECTED


def from_success(answer: Message) -> RowTarget:
    """What successful runs of the agent answered after the same history."""
    return _target(Message(role="assistant", parts=answer.parts), "retry", 0)


def from_production(call: Call, source: str = "production") -> RowTarget:
    """The recorded answer itself, with its tool calls."""
    return _target(Message(role="assistant", parts=call.output[0].parts), source, call.start_ns)


def from_retry(call: Call, session: Sequence[Call], passed: Set[str], conversations: Conversations) -> RowTarget | None:
    """What the session itself shows to have been right: the next passing answer to the same request, sent again.

    A step of an agent is the same request only where the same tools gave the same results since. For a turn that called
    tools: the next call of the same tools in the same turn, when the tools took it after they had turned this one down.
    `session`: its calls in order of time.
    """
    later = session[1 + next(at for at, other in enumerate(session) if other.id == call.id) :]
    mended = _mended(call, later)
    if mended is not None:
        return from_production(mended, "retry")
    here, text = conversations[call.id], normalise(_asked(conversations[call.id]))
    for other in later:
        there = conversations[other.id]
        again = other.id in passed and not goes_on(here, there) and _since_asked(here) == _since_asked(there)
        if again and _same_request(text, normalise(_asked(there))):
            return from_production(other, "retry")
    return None


def _mended(call: Call, later: Sequence[Call]) -> Call | None:
    """The later call of the same turn that calls the same tools with other arguments, and is not turned down."""
    names = _tool_names(call)
    if not names or not _turned_down(call, later):
        return None
    for at, other in enumerate(later):
        if goes_on(call.input, other.input) and _tool_names(other) == names and other.usable:
            rest = later[at + 1 :]
            answered = any(True for after in rest for _ in tool_results(other, after.input))
            answered = answered or any(run.result is not None for run in other.tool_runs)
            return other if answered and not _turned_down(other, rest) else None
    return None


def _turned_down(call: Call, later: Sequence[Call]) -> bool:
    """Did a tool say that this call failed? Read in its own span, and in the first later input that has its results."""
    if any(run.error or (run.result is not None and refused(run.result)) for run in call.tool_runs):
        return True
    results = next((found for other in later if (found := list(tool_results(call, other.input)))), [])
    return any(refused(said) for _, said in results)


def _tool_names(call: Call) -> list[str]:
    return [part.name for part in call.output[0].tool_calls] if call.output else []


def _since_asked(conversation: Sequence[Message]) -> list[object]:
    """What was done since the last message of the user."""
    users = [at for at, message in enumerate(conversation) if message.role == "user" and message.text]
    return contents(conversation[users[-1] + 1 :] if users else conversation)


def _asked(conversation: Sequence[Message]) -> str:
    return next((message.text for message in reversed(conversation) if message.role == "user"), "")


def resolve(rows: Sequence[CallRow], conflicts: str) -> tuple[list[CallRow], dict[str, Fate]]:
    """One row for each input, and the fate of the others by call id: `duplicate` or `conflict`.

    Best source first, then the latest word. Under `drop` an input whose best sources disagree gives no row at all.
    """
    by_input: dict[str, list[CallRow]] = defaultdict(list)
    for row in rows:
        by_input[row.key].append(row)
    kept: list[CallRow] = []
    fates: dict[str, Fate] = {}
    for same in by_input.values():
        best = min(same, key=lambda row: (RANK[row.target.source], not row.failed, -row.target.at_ns, row.call.id))
        rivals = [row for row in same if _answer(row) != _answer(best)]
        for row in same:
            if row is not best:
                fates[row.call.id] = _merged(row, "conflict" if row in rivals else "duplicate", best)
        if conflicts == "drop" and any(row.target.source == best.target.source for row in rivals):
            fates[best.call.id] = _merged(best, "conflict", rivals[0])
        else:
            kept.append(best)
    return kept, fates


def _merged(row: CallRow, fate: str, other: CallRow) -> Fate:
    return Fate(call_id=row.call.id, fate=fate, detail=f"the same input as {other.call.id}")


def _answer(row: CallRow) -> tuple[object, ...]:
    message = row.target.message
    return json.dumps(row.target.expected, sort_keys=True), message.tool_calls


def _styled(message: Message, style: Style) -> Message:
    """The words of a message as production writes them, after what else it holds, such as reasoning; one that calls tools
    as it is."""
    if message.tool_calls:
        return message
    answer = style.render(message.text)
    others = tuple(part for part in message.parts if not isinstance(part, TextPart))
    return Message(role="assistant", parts=(*others, TextPart(text=answer)) if answer else others)


def _target(message: Message, source: str, at_ns: int) -> RowTarget:
    return RowTarget(message=message, source=source, expected=expected_of(message), at_ns=at_ns)


def _same_request(left: str, right: str) -> bool:
    if left == right:
        return True
    short, long = sorted((len(left), len(right)))
    return short >= SAME * long and similarity(left, right) >= SAME
