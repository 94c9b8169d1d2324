"""Define what production did: calls, feedback, and unreadable records."""

from harness.types.base import Json, Noun
from harness.types.messages import Message, Usage


class CallError(Noun, frozen=True):
    type: str
    message: str = ""


class Source(Noun, frozen=True):
    """Where a record was read: enough to open the file at the line again."""

    format: str
    convention: str = ""
    producer: str = ""
    file: str = ""
    line: int = 0
    span_ids: tuple[str, ...] = ()


class Call(Noun, frozen=True):
    """One request to a model and its answer, as production recorded it."""

    id: str
    """Stable across exports: `trace_id:span_id` where both are known, else the format's own id."""
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    response_id: str = ""
    session_id: str = ""
    user_id: str = ""
    route: str = ""
    """The application's operation above the call, such as `POST /bookings/messages`."""
    start_ns: int = 0
    """Unix time in nanoseconds; 0 when unknown."""
    end_ns: int = 0
    ttft_s: float | None = None
    operation: str = "chat"
    provider: str = ""
    model_requested: str = ""
    model_served: str = ""
    params: dict[str, Json] = {}
    input: tuple[Message, ...] = ()
    """System instructions first, as messages of role system."""
    output: tuple[Message, ...] = ()
    """One message a choice."""
    tools: tuple[Json, ...] = ()
    response_format: Json = None
    usage: Usage = Usage()
    error: CallError | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Json] = {}
    source: Source = Source(format="")
    flags: tuple[str, ...] = ()
    """Sorted quality flags: input_missing, output_missing, truncated, attributes_dropped, partial_stream, refusal,
    redacted, media_external, usage_estimated, clock_suspect, span_missing, content_off. See `UNUSABLE`."""

    @property
    def seconds(self) -> float | None:
        """Wall-clock latency in seconds, or None when a clock is missing or ran backwards."""
        return (self.end_ns - self.start_ns) / 1e9 if 0 < self.start_ns <= self.end_ns else None

    @property
    def reply(self) -> str:
        """Text of the first choice."""
        return self.output[0].text if self.output else ""

    @property
    def usable(self) -> bool:
        """True when input and output are both there and whole: only then may the call be learnt from."""
        return bool(self.input and self.output) and self.error is None and not UNUSABLE.intersection(self.flags)


UNUSABLE = frozenset(
    {
        "input_missing",
        "output_missing",
        "truncated",
        "attributes_dropped",
        "partial_stream",
        "span_missing",
        "conflict",
    }
)
"""Flags that bar a call from training and from judging."""


class Feedback(Noun, frozen=True):
    """What a person, a program or a judge said of a call."""

    id: str
    """Content id, so that the same record exported twice is one."""
    call_id: str = ""
    """Empty when only trace_id, response_id or session_id is known; resolved when the call is there."""
    trace_id: str = ""
    span_id: str = ""
    response_id: str = ""
    session_id: str = ""
    user_id: str = ""
    """Who gave it, where known."""
    name: str = ""
    value: float | None = None
    """As recorded. The sign is what detectors read: below zero (or 0 for booleans, flagged by `label`) is negative."""
    label: str = ""
    comment: str = ""
    correction: str | None = None
    """The answer that should have been given: text, or canonical JSON text when it was structured."""
    source_kind: str = ""
    """human, app, judge or code; empty when unknown."""
    at_ns: int = 0
    source: Source = Source(format="")

    @property
    def negative(self) -> bool:
        """A thumbs-down in any of the encodings that are met: value below zero, or zero with a negative label."""
        down = {"thumbs_down", "down", "bad", "negative", "dislike", "incorrect", "fail", "false", "no"}
        return self.label.strip().lower() in down if self.value in (None, 0.0) else self.value < 0

    @property
    def positive(self) -> bool:
        up = {"thumbs_up", "up", "good", "positive", "like", "correct", "pass", "true", "yes"}
        return self.value > 0 if self.value is not None and self.value != 0 else self.label.strip().lower() in up


class Quarantined(Noun, frozen=True):
    """A record that could not be read, and why. Kept, counted, never trained on."""

    id: str
    """sha256 of the raw bytes and their reason."""
    file: str
    reason: str
    line: int = 0
    """1-based line or record number; 0 for the file as a whole."""
    excerpt: str = ""
    """At most 200 characters of the raw record, already redacted."""
