"""Unite the spans of a trace that record the same call.

Two instrumentation libraries on one client give a span each; a gateway and its client too; Logfire gives a streamed
call a second span of kind "log" that holds the answer. Two calls with the same text, one after the other, are two.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from harness.core.recordings import same_call
from harness.ingest.formats import _guard
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._otlp import Span
from harness.ingest.formats._tree import SpanTree
from harness.types import Message, Source

Found = tuple[Draft, Span, str, Source]


NEAR = 64
"""Calls before one that have something in common with it and are compared with it."""

Mark = tuple[str, str, int | str]
"""What two recordings of one call have in common."""


def merged(calls: Iterable[Found], tree: SpanTree) -> list[Found]:
    """The calls of one trace, those recorded twice as one that keeps what either knows. The earliest span leads."""
    kept = _Kept(tree)
    for call in sorted(calls, key=lambda found: (found[1].start_ns, -found[1].end_ns, found[1].span_id)):
        kept.add(call)
    return kept.calls()


class _Kept:
    """Calls, each once. A new one is compared with those that share a mark with it, not with all."""

    def __init__(self, tree: SpanTree) -> None:
        self._tree = tree
        self._found: list[Found] = []
        self._recorded: list[dict[str, Span]] = []
        """For each call, by library, the innermost of the spans that told of it."""
        self._ids: list[list[str]] = []
        self._places: dict[Mark, list[int]] = {}

    def add(self, call: Found) -> None:
        wanted, given = _marks(call, self._tree)
        near = {number for mark in wanted for number in self._places.get(mark, ())[-NEAR:]}
        for number in sorted(near):
            if _same(self._found[number], call, self._recorded[number], self._tree):
                self._found[number] = _both(self._found[number], call)
                self._ids[number].append(call[1].span_id)
                break
        else:
            number = len(self._found)
            self._found.append(call)
            self._recorded.append({})
            self._ids.append(list(call[3].span_ids or (call[1].span_id,)))
        self._recorded[number][call[1].scope] = call[1]
        for mark in given:
            self._places.setdefault(mark, []).append(number)

    def calls(self) -> list[Found]:
        named = zip(self._found, self._ids, strict=True)
        return [
            (*found[:3], replace(found[3], span_ids=tuple(dict.fromkeys(ids)))) if len(ids) > 1 else found
            for found, ids in named
        ]


def _marks(call: Found, tree: SpanTree) -> tuple[list[Mark], list[Mark]]:
    """What an earlier recording of the same call is known by, and what this one will be known by."""
    draft, span = call[0], call[1]
    wanted: list[Mark] = [("span", "", above.span_id) for _, above in zip(range(NEAR), tree.above(span), strict=False)]
    given: list[Mark] = [("span", "", span.span_id)]
    asked, answered = _texts(draft.input), _texts(draft.output)
    both: list[Mark] = [("response", "", draft.response_id)] if draft.response_id else []
    both += [("asked", "", hash(asked[-1]))] if asked else []
    both += [("answered", "", hash(tuple(answered)))] if answered else []
    if "logfire.span_type" in span.attributes:
        both += [("beside", id, hash(tuple(asked))) for id in (span.parent_id, span.span_id) if id]
    if draft.model_requested:
        silent = _says_nothing(draft)
        wanted.append(("model" if silent else "silent", "", draft.model_requested))
        given += [("model", "", draft.model_requested), *([("silent", "", draft.model_requested)] if silent else [])]
    return [*wanted, *both], [*given, *both]


def without_totals(calls: list[Found], tree: SpanTree) -> list[Found]:
    """The calls without those that only add up several calls below them: asked what the first of them was asked, and
    answered what the last of them answered."""
    below = _below(calls, tree)
    return [call for call in calls if not _adds_up(call[0], below.get(call[1].span_id))]


class _Steps(NamedTuple):
    """The calls below a span: how many, and the numbers of the first and of the last of them."""

    size: int
    first: int
    last: int
    calls: list[Found]

    def draft(self, number: int) -> Draft:
        return self.calls[number][0]

    def and_(self, other: "_Steps | None") -> "_Steps":
        if other is None:
            return self
        starts = [call[1].start_ns for call in (self.calls[self.last], self.calls[other.last])]
        last = min(self.last, other.last) if starts[0] == starts[1] else max(self.last, other.last)
        return _Steps(self.size + other.size, min(self.first, other.first), last, self.calls)


def _below(calls: list[Found], tree: SpanTree) -> dict[str, _Steps]:
    """For each span the calls below it. `calls` are in the order of their starts."""
    own: dict[str, _Steps] = {}
    below: dict[str, _Steps] = {}
    for number, (_, span, _, _) in enumerate(calls):
        own[span.span_id] = _Steps(1, number, number, calls).and_(own.get(span.span_id))
    for id in reversed(tree.order):
        here, inner = own.get(id), below.get(id)
        steps = here.and_(inner) if here else inner
        above = tree.parent(tree.found[id][0])
        if steps and above:
            below[above.span_id] = steps.and_(below.get(above.span_id))
    return below


def _adds_up(total: Draft, steps: _Steps | None) -> bool:
    if steps is None or steps.size < 2 or not total.output:
        return False
    first, last = steps.draft(steps.first), steps.draft(steps.last)
    answer = _texts(total.output)
    return any(answer) and answer == _texts(last.output) and _texts(total.input)[-1:] == _texts(first.input)[-1:]


def _same(one: Found, two: Found, recorded: Mapping[str, Span], tree: SpanTree) -> bool:
    """Whether `two` tells again of `one`, which the spans `recorded` told of so far.

    Each library tells once, or several times on the way down: of a request, and below it of what it sent.
    """
    if one[1].span_id == two[1].span_id:  # copies that contradict each other: the store keeps both
        return False
    if _is_log_of(one, two) or _is_log_of(two, one):
        return True
    before = recorded.get(two[1].scope)
    if before and not tree.is_above(before, two[1]):
        return False
    drafts = one[0], two[0]
    ids = drafts[0].response_id, drafts[1].response_id
    return same_call(one[1], two[1], ids, lambda: _tells_again(*drafts, before is not None))


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
    silent = any(map(_says_nothing, (one, two)))
    same_model = one.model_requested == two.model_requested != ""
    return silent and same_model and (one.error is None) == (two.error is None)


def _says_nothing(draft: Draft) -> bool:
    return not (draft.input or draft.output or draft.response_id)


def _texts(messages: Iterable[Message]) -> list[str]:
    return [message.text for message in messages]


def _both(one: Found, two: Found) -> Found:
    """The first with its gaps filled from the second; of each side what is better read wins, then what is fuller."""
    draft, other = one[0], two[0]
    if draft.prints_nothing() > other.prints_nothing() or _worth(other.output) > _worth(draft.output):
        draft.output = other.output
    if _worth(other.input) > _worth(draft.input):
        draft.input = other.input
    known = {name: getattr(other, name) for name in Draft.__struct_fields__ if name not in ("flags", "input", "output")}
    draft.fill(**known)
    draft.flags &= other.flags
    span = one[1]
    if two[1].attributes.get("logfire.span_type") == "log":  # the answer was complete when it was logged
        draft.fill(start_ns=span.start_ns, end_ns=max(span.end_ns, two[1].end_ns), params={"stream": True})
    return draft, span, one[2], one[3]


def _worth(messages: tuple[Message, ...]) -> tuple[bool, int]:
    return not _guard.flags(messages), sum(len(message.parts) for message in messages)
