"""Unite the spans of a trace that record the same call.

Two instrumentation libraries on one client give a span each; a gateway and its client too; Logfire gives a streamed
call a second span of kind "log" that holds the answer. Two calls with the same text, one after the other, are two.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from harness.core.recordings import same_call
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._otlp import Span
from harness.types import Message, Source

Found = tuple[Draft, Span, str, Source]


def merged(calls: Iterable[Found]) -> list[Found]:
    """The calls of one trace, those recorded twice as one that keeps what either knows. The earliest span leads."""
    kept: list[Found] = []
    recorders: list[set[str]] = []
    for call in sorted(calls, key=lambda found: (found[1].start_ns, -found[1].end_ns, found[1].span_id)):
        for number, other in enumerate(kept):
            if _same(other, call, recorders[number]):
                kept[number] = _both(other, call)
                recorders[number].add(call[1].scope)
                break
        else:
            kept.append(call)
            recorders.append({call[1].scope})
    return kept


def _same(one: Found, two: Found, recorders: set[str]) -> bool:
    """Whether `two` tells again of `one`, which `recorders` told of so far: each tells once."""
    if one[1].span_id == two[1].span_id:  # copies that contradict each other: the store keeps both
        return False
    if _is_log_of(one, two) or _is_log_of(two, one):
        return True
    if two[1].scope in recorders:
        return False
    drafts = one[0], two[0]
    ids = drafts[0].response_id, drafts[1].response_id
    return same_call(one[1], two[1], ids, lambda: _alike(*drafts) or _is_silent(*drafts))


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
    """The first with its gaps filled from the second; the fuller output wins."""
    draft, other = one[0], two[0]
    if _size(other.output) > _size(draft.output):
        draft.output = other.output
    if _size(other.input) > _size(draft.input):
        draft.input = other.input
    known = {name: getattr(other, name) for name in Draft.__struct_fields__ if name not in ("flags", "input", "output")}
    draft.fill(**known)
    draft.flags &= other.flags
    span = one[1]
    if two[1].attributes.get("logfire.span_type") == "log":  # the answer was complete when it was logged
        draft.fill(start_ns=span.start_ns, end_ns=max(span.end_ns, two[1].end_ns), params={"stream": True})
    ids = dict.fromkeys((*(one[3].span_ids or (span.span_id,)), two[1].span_id))
    return draft, span, one[2], replace(one[3], span_ids=tuple(ids))


def _size(messages: Iterable[Message]) -> int:
    return sum(len(message.parts) for message in messages)
