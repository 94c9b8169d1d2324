"""Summarise a table of feedback: how each name is read and how sure that is, how calls were found, and what waits.

A number that was misread is seen in no report, so what a name was taken to mean is shown wherever feedback is counted.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from harness.core.feedback_scale import FeedbackGroup, Fitted, Range, Scales, folded, group_of, number_of
from harness.types import Feedback, FeedbackScale, Noun

EXAMPLES = 3
MOST_SEEN = 6
"""Values of a name that are shown, the commonest first."""
_HEX = re.compile(r"^[0-9a-f]+$")


class NameRead(Noun, frozen=True, omit_defaults=False):
    """How the feedback of one name is read."""

    name: str
    source: str
    """The format it was read as, and who gave it."""
    records: int
    seen: str
    """Values and labels with their counts."""
    read_as: str
    sure: str
    praise: int
    blame: int
    neutral: int
    unknown: int
    next: str
    """What to type in trueup.toml where something is unknown; empty otherwise."""


class Waiting(Noun, frozen=True, omit_defaults=False):
    """Feedback of which no call is known."""

    records: int
    corrections: int
    examples: tuple[str, ...]
    cause: str
    """The likely cause, and what to do."""


class FeedbackSummary(Noun, frozen=True, omit_defaults=False):
    names: tuple[NameRead, ...] = ()
    linked: dict[str, int] = {}
    """How calls were found, to records: exact, response, answer, only, last, ambiguous."""
    not_taken: int = 0
    """Corrections that were not taken, since which call they are on is ambiguous."""
    waiting: tuple[Waiting, ...] = ()
    """Those that link to nothing, by their likely cause."""

    @property
    def unlinked(self) -> int:
        return sum(group.records for group in self.waiting)


def summarise(
    recorded: Iterable[Feedback], linked: Sequence[Feedback], stated: Mapping[str, FeedbackScale], trace_id: str = ""
) -> FeedbackSummary:
    """`recorded` is the table as it was stored, `linked` what `link` made of it; `trace_id` is one that a call has."""
    table = list(recorded)
    corrected = {record.id for record in table if record.correction is not None}
    ambiguous = [record for record in linked if record.linked == "ambiguous" and record.id in corrected]
    about = [record for record in linked if not record.declares_only]
    return FeedbackSummary(
        names=tuple(_names(about, Scales(table, stated), stated)),
        linked=dict(sorted(Counter(record.linked for record in about if record.linked).items())),
        not_taken=len(ambiguous),
        waiting=tuple(_waiting([record for record in about if not record.call_id], trace_id)),
    )


def _names(records: Iterable[Feedback], scales: Scales, stated: Mapping[str, FeedbackScale]) -> Iterable[NameRead]:
    groups: dict[FeedbackGroup, list[Feedback]] = defaultdict(list)
    for record in records:
        if record.reading:
            groups[group_of(record)].append(record)
    for group, rated in sorted(groups.items()):
        yield _name(group, rated, scales.of(group))
    seen = {folded(group.name) for group in groups}
    for name in sorted(name for name in stated if folded(name) not in seen):
        yield NameRead(name, "", 0, "", "", "stated in trueup.toml, and no feedback has this name", 0, 0, 0, 0, "")


def _name(group: FeedbackGroup, rated: Sequence[Feedback], fitted: Fitted) -> NameRead:
    counts = Counter(record.reading for record in rated)
    kinds = sorted({record.source_kind for record in rated if record.source_kind})
    return NameRead(
        name=group.name,
        source=(group.format or "trueup") + (f" ({', '.join(kinds)})" if kinds else ""),
        records=len(rated),
        seen=_seen(rated),
        read_as=_read_as(fitted, rated),
        sure=_sure(fitted, counts),
        praise=counts["praise"],
        blame=counts["blame"],
        neutral=counts["neutral"],
        unknown=counts["unknown"],
        next=_next(group, fitted, rated) if counts["unknown"] else "",
    )


def _seen(rated: Sequence[Feedback]) -> str:
    values = Counter(_value(record) for record in rated)
    if len(values) > MOST_SEEN and all(number_of(record) is not None for record in rated):
        numbers = [number_of(record) or 0.0 for record in rated]
        return f"{min(numbers):g} to {max(numbers):g} ({len(values)} values)"
    shown = [f"{value} ×{count:,}" for value, count in sorted(values.most_common(MOST_SEEN))]
    return ", ".join(shown) + (f", {len(values) - MOST_SEEN} more" if len(values) > MOST_SEEN else "")


def _value(record: Feedback) -> str:
    return record.label[:40] if record.label else f"{record.value:g}"


def _read_as(fitted: Fitted, rated: Sequence[Feedback]) -> str:
    if fitted.kind == "label" or all(number_of(record) is None or _is_boolean(record) for record in rated):
        return "labels" + (f", better {fitted.better}" if fitted.better else "")
    if not _is_scale(fitted):
        return "labels" if any(record.reading != "unknown" for record in rated) else "unknown"
    ends = " or ".join(map(_range, fitted.ranges))
    band = f", {_range(fitted.neutral)} neutral" if fitted.neutral else ""
    return f"{ends}, better {fitted.better or 'high'}{band}"


def _is_scale(fitted: Fitted) -> bool:
    """Whether its numbers mean something."""
    return bool(fitted.ranges) and bool(fitted.better or fitted.ranges[0][0] < 0)


def _is_boolean(record: Feedback) -> bool:
    return record.label in ("true", "false")


def _range(ends: Range) -> str:
    return f"{ends[0]:g} to {ends[1]:g}"


def _sure(fitted: Fitted, counts: Counter[str]) -> str:
    if not counts.total() - counts["unknown"]:
        return "unknown"
    sources = {"stated": "stated in trueup.toml", "declared": "declared by its producer"}
    if fitted.source in sources:
        return sources[fitted.source]
    values = f"{fitted.values:,} value{'s' if fitted.values != 1 else ''}"
    inferred = f"inferred from {values}" if fitted.values and _is_scale(fitted) else "from the words"
    return f"{inferred}; {counts['unknown']:,} unknown" if counts["unknown"] else inferred


def _next(group: FeedbackGroup, fitted: Fitted, rated: Sequence[Feedback]) -> str:
    """The section of trueup.toml that makes every value of the name known, as lines to edit."""
    header = (
        f"[feedback.{group.name}]"
        if re.fullmatch(r"[A-Za-z0-9_-]+", group.name)
        else f"[feedback.{_quoted(group.name)}]"
    )
    unknown = [record for record in rated if record.reading == "unknown"]
    labels = sorted({record.label for record in unknown if number_of(record) is None or fitted.kind == "label"})
    if labels:
        named = ", ".join(map(_quoted, labels[:MOST_SEEN]))
        return f"{header}\npraise = []\nblame = []  # labels: {named}"
    end = fitted.better or "high"
    likely = next((ends for ends in fitted.ranges if ends[1] > 1), None) or next(iter(fitted.ranges), (1.0, 5.0))
    return f'{header}\nscale = [{likely[0]:g}, {likely[1]:g}]\nbetter = "{end}"'


def _quoted(text: str) -> str:
    """A text as a TOML string on one line; JSON's escapes are TOML's too."""
    return json.dumps(" ".join(text[:40].split()), ensure_ascii=False)


def _waiting(records: Sequence[Feedback], trace_id: str) -> Iterable[Waiting]:
    causes: dict[str, list[Feedback]] = defaultdict(list)
    for record in records:
        causes[_cause(record, trace_id)].append(record)
    for cause, held in sorted(causes.items(), key=lambda item: (-len(item[1]), item[0])):
        examples = dict.fromkeys(_named(record) for record in held)
        yield Waiting(
            records=len(held),
            corrections=sum(record.correction is not None for record in held),
            examples=tuple(examples)[:EXAMPLES],
            cause=cause,
        )


def _named(record: Feedback) -> str:
    """What a record names its subject by."""
    ids = ("trace_id", "span_id", "call_id", "response_id", "session_id")
    return next((f"{name} {getattr(record, name)}" for name in ids if getattr(record, name)), f"id {record.id[:12]}")


def _cause(record: Feedback, trace_id: str) -> str:
    """Why no call is found, as far as the ids themselves show it; `trace_id` is one that a call has."""
    own = record.trace_id or record.span_id or record.call_id
    if not any((own, record.response_id, record.session_id)):
        return "it names no trace, span, response or session"
    if not trace_id and not own:
        return "no call is stored yet; it joins when its call is ingested"
    if not own:
        return "no call has that response or session id; it joins when its call is ingested"
    if own.lower().startswith("0x"):
        return "the id begins with 0x: write it in 32 hex digits, as the traces do"
    if own.startswith("tr-"):
        return "an MLflow trace id: the traces are stored without `tr-`"
    if trace_id and record.trace_id and len(own) != len(trace_id):
        return f"not an id of a trace: those look like {trace_id}. Log the trace id of the request with the feedback"
    if not _HEX.match(own) and not record.trace_id:
        return "the id of a row or span that is not stored; export the rows above the calls too"
    return "no call of that trace is stored: another project, or not ingested yet; it joins when its call comes"
