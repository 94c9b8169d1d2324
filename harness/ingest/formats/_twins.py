"""Unite the spans of a trace that record the same call.

Two instrumentation libraries on one client give a span each; a gateway and its client too; Logfire gives a streamed
call a second span of kind "log" that holds the answer. Two calls with the same text, one after the other, are two.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from harness.core.recordings import same_call
from harness.ingest.formats import _guard
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._otlp import Span
from harness.types import Message, Source

Found = tuple[Draft, Span, str, Source]


def merged(calls: Iterable[Found], tree: Mapping[str, Span] = {}) -> list[Found]:
    """The calls of one trace, those recorded twice as one that keeps what either knows. The earliest span leads.

    `tree` holds all spans of the trace by id.
    """
    kept: list[Found] = []
    recorded: list[list[Span]] = []
    for call in sorted(calls, key=lambda found: (found[1].start_ns, -found[1].end_ns, found[1].span_id)):
        above = _above(call[1], tree)
        for number, other in enumerate(kept):
            if _same(other, call, recorded[number], above):
                kept[number] = _both(other, call)
                recorded[number].append(call[1])
                break
        else:
            kept.append(call)
            recorded.append([call[1]])
    return kept


def without_totals(calls: list[Found], tree: Mapping[str, Span]) -> list[Found]:
    """The calls without those that only add up several calls below them: asked what the first of them was asked, and
    answered what the last of them answered."""
    below: dict[str, list[Found]] = {}
    for call in calls:
        for id in _above(call[1], tree):
            below.setdefault(id, []).append(call)
    return [call for call in calls if not _adds_up(call[0], below.get(call[1].span_id, []))]


def _adds_up(total: Draft, steps: list[Found]) -> bool:
    if len(steps) < 2 or not total.output:
        return False
    first, last = (pick(steps, key=lambda step: step[1].start_ns)[0] for pick in (min, max))
    answer = _texts(total.output)
    return any(answer) and answer == _texts(last.output) and _texts(total.input)[-1:] == _texts(first.input)[-1:]


def _above(span: Span, tree: Mapping[str, Span]) -> set[str]:
    """Ids of the spans above one."""
    found = set[str]()
    while span.parent_id and span.parent_id not in found:
        found.add(span.parent_id)
        span = tree.get(span.parent_id, Span("", ""))
    return found


def _same(one: Found, two: Found, recorded: list[Span], above: set[str]) -> bool:
    """Whether `two` tells again of `one`, which `recorded` told of so far.

    Each library tells once, or several times on the way down: of a request, and below it of what it sent.
    """
    if one[1].span_id == two[1].span_id:  # copies that contradict each other: the store keeps both
        return False
    if _is_log_of(one, two) or _is_log_of(two, one):
        return True
    if not all(span.span_id in above for span in recorded if span.scope == two[1].scope):
        return False
    again = any(span.scope == two[1].scope for span in recorded)
    drafts = one[0], two[0]
    ids = drafts[0].response_id, drafts[1].response_id
    return same_call(one[1], two[1], ids, lambda: _tells_again(*drafts, again))


def _tells_again(one: Draft, two: Draft, again: bool) -> bool:
    """Whether two say the same; a failed attempt of the same library is a call of its own."""
    return not (again and (one.error is None) != (two.error is None)) and (_alike(one, two) or _is_silent(one, two))


def _is_log_of(log: Found, call: Found) -> bool:
    """Logfire's span of a finished stream: no length of its own, beside the request, with the same input."""
    if log[1].attributes.get("logfire.span_type") != "log" or call[1].attributes.get("logfire.span_type") == "log":
        return False
    beside = log[1].parent_id in (call[1].parent_id, call[1].span_id)
    return beside and not call[0].output and _texts(log[0].input) == _texts(call[0].input)


def _alike(one: Draft, two: Draft) -> bool:
    """The last input and the output are the same, as far as both have them."""
    said = _texts(one.input)[-1:], _texts(two.input)[-1:]
    answered = _texts(one.output), _texts(two.output)
    return all(pair[0] == pair[1] or not all(pair) for pair in (said, answered)) and any(map(all, (said, answered)))


def _is_silent(one: Draft, two: Draft) -> bool:
    """One of them says no more than that a call to this model was made, and both that it failed or that it did not."""
    silent = any(not (draft.input or draft.output or draft.response_id) for draft in (one, two))
    same_model = one.model_requested == two.model_requested != ""
    return silent and same_model and (one.error is None) == (two.error is None)


def _texts(messages: Iterable[Message]) -> list[str]:
    return [message.text for message in messages]


def _both(one: Found, two: Found) -> Found:
    """The first with its gaps filled from the second; of each side what is better read wins, then what is fuller."""
    draft, other = one[0], two[0]
    if _worth(other.output) > _worth(draft.output):
        draft.output = other.output
    if _worth(other.input) > _worth(draft.input):
        draft.input = other.input
    known = {name: getattr(other, name) for name in Draft.__struct_fields__ if name not in ("flags", "input", "output")}
    draft.fill(**known)
    draft.flags &= other.flags
    span = one[1]
    if two[1].attributes.get("logfire.span_type") == "log":  # the answer was complete when it was logged
        draft.fill(start_ns=span.start_ns, end_ns=max(span.end_ns, two[1].end_ns), params={"stream": True})
    ids = dict.fromkeys((*(one[3].span_ids or (span.span_id,)), two[1].span_id))
    return draft, span, one[2], replace(one[3], span_ids=tuple(ids))


def _worth(messages: tuple[Message, ...]) -> tuple[bool, int]:
    return not _guard.flags(messages), sum(len(message.parts) for message in messages)
