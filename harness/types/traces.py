"""Define what production did: calls, feedback, and unreadable records."""

from typing import Literal

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


class ToolRun(Noun, frozen=True):
    """A tool that ran for a call, as a span of the tool recorded it."""

    id: str = ""
    """Id of the tool call that it answers; empty when unknown."""
    name: str = ""
    arguments: str = ""
    """As JSON text where that is what they were; empty where the call's answer says them."""
    result: str | None = None
    """What it returned. None: a later call was given it, or nothing was recorded."""
    error: str = ""
    """Why it failed; empty when it did not."""
    span_id: str = ""


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
    redacted, media_external, usage_estimated, clock_suspect, span_missing, content_off, envelope (a producer's wrapper or
    a printed object stands where a text was said), placeholder (a mark of redaction does). See `UNUSABLE`."""
    above: tuple[str, ...] = ()
    """Ids of the spans above it, the nearest first, as far as they were recorded."""
    answers: tuple[str, ...] = ()
    """Those of `above` whose output is this call's output: it gave the answer that they returned."""
    purpose: str = ""
    """What it was made for where that was not to answer the user: title, guard, router, rewrite, summary or judge."""
    tool_runs: tuple[ToolRun, ...] = ()
    """Tools that ran for it, as far as a span of theirs tells what the messages of later calls do not: a result, an error,
    or that other calls were made inside."""

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
        "envelope",
        "placeholder",
    }
)
"""Flags that bar a call from training and from judging."""


class FeedbackScale(Noun, frozen=True):
    """What the values of one feedback name mean, as its producer declares it or trueup.toml states it. Empty: unknown."""

    low: float | None = None
    high: float | None = None
    better: Literal["", "high", "low"] = ""
    """Which end is praise."""
    neutral: tuple[float, float] | None = None
    """Values from the first to the second, both included, are neither praise nor blame."""
    praise: tuple[str, ...] = ()
    blame: tuple[str, ...] = ()
    """Labels that are praise or blame."""
    labels: dict[str, float] = {}
    """Label to its value, where a producer declares categories."""
    kind: Literal["", "boolean", "label"] = ""
    """`label`: the value is the index of a category and means nothing by itself."""


class Feedback(Noun, frozen=True):
    """What a person, a program or a judge said of a call.

    `call_id`, `linked`, `reading` and `goodness` are derived when feedback is read, from all that is known then: a scale
    or a call that comes later changes them. See `harness.core.link_feedback`.
    """

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
    """As recorded. What it means depends on the scale of its name: see `reading`."""
    label: str = ""
    comment: str = ""
    correction: str | None = None
    """The answer that should have been given: text, or JSON text when it was structured."""
    expectation: str | None = None
    """What a right answer must have (facts, guidelines, tools), as text or JSON text: for suites, never an answer."""
    source_kind: str = ""
    """human, app, judge or code; empty when unknown."""
    at_ns: int = 0
    """When it was given, Unix nanoseconds."""
    key: str = ""
    """The producer's own id of it: a later record with the same key replaces this one."""
    changed_ns: int = 0
    """When its producer changed it last, Unix nanoseconds; 0: never, or unknown."""
    overrides: str = ""
    """The `key` of the record that it replaces."""
    withdrawn: bool = False
    """Whoever gave it took it back."""
    scale: FeedbackScale | None = None
    """What its producer declares of its name. A record that says nothing else is a declaration only."""
    source: Source = Source(format="")
    linked: str = ""
    """How its call was found: exact, response, answer, only, last or ambiguous; empty: no call is known."""
    reading: str = ""
    """praise, blame, neutral or unknown by the scale of its name; empty when it rates nothing."""
    goodness: float | None = None
    """Where it is on its scale: 0 the worst, 1 the best; None when that is unknown."""

    @property
    def negative(self) -> bool:
        return self.reading == "blame"

    @property
    def positive(self) -> bool:
        return self.reading == "praise"

    @property
    def rates(self) -> bool:
        """Whether it says how good the answer was."""
        return self.value is not None or bool(self.label)

    @property
    def declares_only(self) -> bool:
        """Whether it only tells what its name's values mean, and is about no call."""
        return self.scale is not None and not (
            self.rates
            or self.comment
            or self.correction
            or self.trace_id
            or self.span_id
            or self.session_id
            or self.withdrawn
        )


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
