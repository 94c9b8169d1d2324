"""Compare recordings of calls: whether one is whole, whether two contradict each other, what both together say."""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from msgspec.structs import replace

from harness.types import Call, Message, Part, RefusalPart, Usage

LACKS = frozenset(
    [
        "input_missing",
        "output_missing",
        "content_off",
        "span_missing",
        "attributes_dropped",
        "partial_stream",
        "clock_suspect",
    ]
)
"""Flags for what a recording lacks: another recording of the call may have it."""

SPOILT = frozenset(["truncated", "envelope", "placeholder"])
"""Flags for content that is not what was said."""

_EITHER = [
    "parent_span_id",
    "response_id",
    "session_id",
    "user_id",
    "route",
    "provider",
    "model_requested",
    "model_served",
    "ttft_s",
    "response_format",
    "error",
    "tools",
    "operation",
    "trace_id",
    "span_id",
    "above",
    "answers",
    "purpose",
    "tool_runs",
]
"""Fields of which one recording's value holds when the other has none."""


def answered(call: Call) -> bool:
    """Whether something was answered. A message of the API that holds a refusal and no content is no answer."""
    return any(not isinstance(part, RefusalPart) for message in call.output for part in message.parts)


def is_pair(call: Call) -> bool:
    """Whether input and output content are both there and whole, even if the answer broke off (see `Call.usable`)."""
    whole = not {"span_missing", *SPOILT} & {*call.flags}
    return whole and answered(call) and any(message.parts for message in call.input)


def agree(first: Call, second: Call) -> bool:
    """Whether two recordings of one id can be true of one call: neither says what the other denies."""
    pairs = (
        (_content(first.input), _content(second.input)),
        (_content(first.output), _content(second.output)),
        (first.response_id, second.response_id),
        (first.error, second.error),
    )
    return all(a == b or not a or not b for a, b in pairs)


class Timed(Protocol):
    """What has a start and an end, in nanoseconds since 1970."""

    @property
    def start_ns(self) -> int: ...

    @property
    def end_ns(self) -> int: ...


def same_call(first: Timed, second: Timed, responses: tuple[str, str], alike: Callable[[], bool]) -> bool:
    """Whether recordings by two recorders are of one call: their times overlap, and they have the same response id.

    Where one has none, one has to lie within the other, and both to say the same (`alike`).
    """
    if not (first.start_ns <= second.end_ns and second.start_ns <= first.end_ns):
        return False
    if all(responses):
        return responses[0] == responses[1]
    return (_within(first, second) or _within(second, first)) and alike()


def _within(inner: Timed, outer: Timed) -> bool:
    return outer.start_ns <= inner.start_ns and inner.end_ns <= outer.end_ns


def united(first: Call, second: Call) -> Call:
    """One call of two recordings: the earlier leads, its gaps are filled, and the fuller content wins.

    The order of the two does not matter.
    """
    lead, other = sorted((first, second), key=_precedence)
    known = {name: getattr(lead, name) or getattr(other, name) for name in _EITHER}
    asked, answer = _fuller(lead, other, "input"), _fuller(lead, other, "output")
    spoilt = SPOILT & {*asked.flags, *answer.flags}
    flags = {*first.flags, *second.flags} - LACKS - SPOILT | spoilt | ({*first.flags} & {*second.flags} & LACKS)
    return replace(
        lead,
        **known,
        input=asked.input,
        output=answer.output,
        start_ns=min(filter(None, (first.start_ns, second.start_ns)), default=0),
        end_ns=max(first.end_ns, second.end_ns),
        params={**other.params, **lead.params},
        metadata={**other.metadata, **lead.metadata},
        usage=_usage(lead.usage, other.usage),
        tags=tuple(dict.fromkeys((*lead.tags, *other.tags))),
        flags=tuple(sorted(flags)),
        source=replace(lead.source, span_ids=_span_ids(lead, other)),
    )


def _content(messages: Sequence[Message]) -> list[tuple[str, tuple[Part, ...]]]:
    return [(message.role, message.parts) for message in messages if message.parts]


def _precedence(call: Call) -> tuple[bool, int, int, int, bytes]:
    size = sum(len(message.parts) for message in (*call.input, *call.output))
    bare = replace(call, source=replace(call.source, file="", line=0))
    return not call.start_ns, call.start_ns, -call.end_ns, -size, msgspec.json.encode(bare)


def _fuller(lead: Call, other: Call, side: str) -> Call:
    """The recording that has more of the input or of the output: what is whole first, then the number of parts."""

    def rank(call: Call) -> tuple[bool, bool, int]:
        count = sum(len(message.parts) for message in getattr(call, side))
        return count > 0, SPOILT.isdisjoint(call.flags), count

    return other if rank(other) > rank(lead) else lead


def _usage(lead: Usage, other: Usage) -> Usage:
    known = {name: getattr(lead, name) for name in lead.__struct_fields__}
    return Usage(**{name: getattr(other, name) if count is None else count for name, count in known.items()})


def _span_ids(lead: Call, other: Call) -> tuple[str, ...]:
    """The spans of both; those of another trace with the trace before them, so that feedback on them is found."""
    mine = lead.source.span_ids or ((lead.span_id,) if lead.span_id else ())
    theirs = other.source.span_ids or ((other.span_id,) if other.span_id else ())
    if other.trace_id and other.trace_id != lead.trace_id:
        theirs = tuple(span if ":" in span else f"{other.trace_id}:{span}" for span in theirs)
    return tuple(dict.fromkeys((*mine, *theirs)))
