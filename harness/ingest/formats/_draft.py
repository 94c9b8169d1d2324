"""Draft a call: put in what each source says of it, and fill gaps from the next source."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from harness.core.codec import digest
from harness.ingest.formats import _guard, _history
from harness.ingest.formats._clock import LONGEST_NS
from harness.ingest.formats._json import Json, is_cut, number, text_of
from harness.types import Call, CallError, Feedback, FeedbackScale, Message, RefusalPart, Source, ToolRun, Usage

_SAID = frozenset(["input", "output"])


class Draft(Struct, gc=False):
    """What is known so far. Empty values are gaps."""

    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    response_id: str = ""
    session_id: str = ""
    user_id: str = ""
    route: str = ""
    start_ns: int = 0
    end_ns: int = 0
    ttft_s: float | None = None
    operation: str = ""
    provider: str = ""
    model_requested: str = ""
    model_served: str = ""
    params: dict[str, Json] = {}
    input: tuple[Message, ...] = ()
    output: tuple[Message, ...] = ()
    tools: tuple[Json, ...] = ()
    response_format: Json = None
    usage: dict[str, int] = {}
    error: CallError | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Json] = {}
    flags: set[str] = set()
    above: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    purpose: str = ""
    tool_runs: tuple[ToolRun, ...] = ()
    ended: bool = False
    """The producer vouches that the answer came to its end, though not why."""

    def fill(self, **known: Any) -> "Draft":
        """Put in what is known, where there is a gap yet; maps are merged key by key."""
        for name, value in known.items():
            if not value and (value is None or name != "ttft_s"):  # which may be 0.0
                continue
            here = getattr(self, name)
            if isinstance(here, dict):
                setattr(self, name, {**value, **here})
            elif not here:
                setattr(self, name, tuple(value) if isinstance(here, tuple) else value)
            elif name in _SAID and _is_better(value, here):
                setattr(self, name, tuple(value))
        return self

    def call(self, id: str, source: Source) -> Call:
        """The finished call, with the quality flags that its content shows."""
        usage = self._summed()
        if len(self.output) > 1:
            self.input, self.output = _history.parted(self.input, self.output)
        fields = asdict(self)
        del fields["ended"]
        fields["output"] = tuple([said for said in self.output if said.parts or said.finish_reason])
        fields["usage"], fields["source"], fields["operation"] = usage, source, self.operation or "chat"
        fields["flags"] = tuple(sorted(self.flags.union(_quality(self))))
        return Call(id=id, **fields)

    def better(self, other: "Draft") -> "Draft":
        """Take the messages of another record of the call where this one has no more than a wrapper or a placeholder."""
        if _guard.flags(self.input) and other.input and not _guard.flags(other.input):
            self.input = other.input
        if (_guard.flags(self.output) or self.prints_nothing()) and other.output and not _guard.flags(other.output):
            self.output = other.output
        return self.fill(tools=other.tools, params=other.params)

    def prints_nothing(self) -> bool:
        """Whether the answer is a print of nothing, by the tokens that it took beside the reasoning."""
        return _guard.is_nothing(self.output, self.usage.get("output", 0) - self.usage.get("reasoning", 0))

    def _summed(self) -> Usage:
        """The counts, with the cache inside the input and the reasoning inside the output.

        A producer that counts them beside it shows it: the cache exceeds the input, or only all of them give the total.
        """
        counts = {name: count for name, count in self.usage.items() if name != "total"}
        if len(counts) < 3:  # nothing but input and output
            return Usage(**counts)
        read, written, total = counts.get("input"), counts.get("output"), self.usage.get("total")
        cache, thought = counts.get("cache_read", 0) + counts.get("cache_write", 0), counts.get("reasoning", 0)
        if read is not None and cache and (cache > read or total == read + (written or 0) + cache):
            if total != read + (written or 0) + cache:
                self.flags = self.flags | {"usage_estimated"}
            counts["input"] = read = read + cache
        if written is not None and thought and (thought > written or total == (read or 0) + written + thought):
            counts["output"] = written + thought
        return Usage(**counts)


def _is_better(value: Iterable[Message], here: Iterable[Message]) -> bool:
    """Whether one source read the messages where the one before it had their wrapper only, or only who spoke."""
    if not any(message.parts for message in here):
        return any(message.parts for message in value)
    return _guard.ENVELOPE in _guard.flags(here) and not _guard.flags(value)


def _quality(draft: Draft) -> Iterable[str]:
    if not draft.input or any(not message.parts and message.role in ("user", "tool") for message in draft.input):
        yield "input_missing"
    if not any(message.parts for message in draft.output):
        yield "output_missing"
    if not draft.input and not draft.output:
        yield "content_off"
    if any(isinstance(part, RefusalPart) for message in draft.output for part in message.parts):
        yield "refusal"
    yield from _guard.flags((*draft.input, *draft.output))
    if draft.prints_nothing():
        yield _guard.PLACEHOLDER
    reasons = [message.finish_reason for message in draft.output]
    if "error" in reasons or (draft.params.get("stream") and draft.output and not any(reasons) and not draft.ended):
        yield "partial_stream"
    timed = draft.start_ns or draft.end_ns
    if timed and not (draft.start_ns and 0 <= draft.end_ns - draft.start_ns <= LONGEST_NS):
        yield "clock_suspect"


def cut(*values: Json) -> set[str]:
    """The flag for content that an attribute limit cut."""
    return {"truncated"} if any(is_cut(value) and not _guard.problem(value) for value in values) else set()


def feedback(source: Source, **known: Any) -> Feedback:
    """A feedback record with its content id. A correction or an expectation may be text or any JSON value; a value may be
    a boolean; `scale` may be a map."""
    value, label, scale = known.pop("value", None), known.pop("label", None), known.pop("scale", None)
    if isinstance(value, bool):
        label = label or str(value).lower()
    score = number(value)
    if score is None and label in (None, "") and value is not None:
        label = text_of(value)
    structured = {name: _written(known.pop(name, None)) for name in ("correction", "expectation")}
    fields = {name: content for name, content in (known | structured).items() if content not in (None, "")}
    fields |= {"value": score, "label": text_of(label)}
    if scale:
        fields["scale"] = scale if isinstance(scale, FeedbackScale) else msgspec.convert(scale, FeedbackScale)
    if fields.get("trace_id") and fields.get("span_id") and not fields.get("call_id"):
        fields["call_id"] = f"{fields['trace_id']}:{fields['span_id']}"
    return Feedback(id=digest(fields), source=source, **fields)


def _written(value: Json) -> str | None:
    """A text as it is; anything else in the form in which a model would write it: keys in their order, usual spaces."""
    if value in (None, "") or isinstance(value, str):
        return value or None
    return json.dumps(value, ensure_ascii=False)
