"""Draft a call: put in what each source says of it, and fill gaps from the next source."""

import json
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from harness.core.codec import digest
from harness.ingest.formats._clock import LONGEST_NS
from harness.ingest.formats._json import Json, is_cut, number, text_of
from harness.types import Call, CallError, Feedback, Message, Part, RefusalPart, Source, TextPart, Usage

REDACTED = frozenset({"__REDACTED__", "redacted-by-litellm", "FILTERED"})
"""What OpenInference, LiteLLM and OpenLLMetry write in place of a text that they were told to hide, or may not show."""


class Draft(Struct):
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
    ended: bool = False
    """The producer vouches that the answer came to its end, though not why."""

    def fill(self, **known: Any) -> "Draft":
        """Put in what is known, where there is a gap yet; maps are merged key by key."""
        for name, value in known.items():
            here = getattr(self, name)
            if isinstance(here, dict):
                if value:
                    setattr(self, name, {**value, **here})
            elif not here and (value or value is not None and name == "ttft_s"):  # which may be 0.0
                setattr(self, name, tuple(value) if isinstance(here, tuple) else value)
        return self

    def call(self, id: str, source: Source) -> Call:
        """The finished call, with the quality flags that its content shows."""
        usage = Usage(**{name: count for name, count in self.usage.items() if name in Usage.__struct_fields__})
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name != "ended"}
        fields["output"] = tuple(said for said in self.output if said.parts or said.finish_reason)
        fields |= {"usage": usage, "flags": tuple(sorted(self.flags | set(_quality(self)))), "source": source}
        return Call(id=id, **{**fields, "operation": self.operation or "chat"})


def _quality(draft: Draft) -> Iterable[str]:
    if not draft.input or any(not message.parts and message.role in ("user", "tool") for message in draft.input):
        yield "input_missing"
    if not any(message.parts for message in draft.output):
        yield "output_missing"
    if not draft.input and not draft.output:
        yield "content_off"
    if any(isinstance(part, RefusalPart) for message in draft.output for part in message.parts):
        yield "refusal"
    if any(is_hidden(part) for message in (*draft.input, *draft.output) for part in message.parts):
        yield "redacted"
    reasons = [message.finish_reason for message in draft.output]
    if "error" in reasons or (draft.params.get("stream") and draft.output and not any(reasons) and not draft.ended):
        yield "partial_stream"
    timed = draft.start_ns or draft.end_ns
    if timed and not (draft.start_ns and 0 <= draft.end_ns - draft.start_ns <= LONGEST_NS):
        yield "clock_suspect"


def is_hidden(part: Part) -> bool:
    """Whether a text stands for one that a library was told to hide."""
    return isinstance(part, TextPart) and len(part.text) <= LONGEST_MARK and part.text in REDACTED


LONGEST_MARK = max(map(len, REDACTED))


def cut(*values: Json) -> set[str]:
    """The flag for content that an attribute limit cut."""
    return {"truncated"} if any(is_cut(value) for value in values) else set()


def feedback(source: Source, **known: Any) -> Feedback:
    """A feedback record with its content id. A correction may be text or any JSON value; a value may be a boolean."""
    correction, value, label = known.pop("correction", None), known.pop("value", None), known.pop("label", None)
    if isinstance(value, bool):
        label = label or str(value).lower()
    score = number(value)
    if score is None and label in (None, "") and value is not None:
        label = text_of(value)
    fields = {name: content for name, content in known.items() if content not in (None, "")}
    if correction not in (None, ""):
        # Keys keep their order and the spacing is json.dumps's own: the form in which a model would write it.
        structured = not isinstance(correction, str)
        fields["correction"] = json.dumps(correction, ensure_ascii=False) if structured else correction
    fields |= {"value": score, "label": text_of(label)}
    if fields.get("trace_id") and fields.get("span_id") and not fields.get("call_id"):
        fields["call_id"] = f"{fields['trace_id']}:{fields['span_id']}"
    return Feedback(id=digest(fields), source=source, **fields)
