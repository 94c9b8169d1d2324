"""Infer the scale of each feedback name from all its values, and read each record by it as praise or blame.

A number means nothing by itself: 1 is the worst of five stars and the best of two thumbs. So a name's scale is what
trueup.toml states, else what its producer declares, else the usual scale that fits every value seen. Where several fit,
a value is read only as far as all of them agree; where none fits, or nothing tells which end is better, it is unknown.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from harness.core import feedback_words as words
from harness.types import Feedback, FeedbackScale

REVIEW = "review"
"""Name of the feedback that `trueup review` stores: it judges a target, not production's answer, so it rates nothing."""
RANDOM_REVIEW = "random_review"
"""Name of the feedback by which `trueup label` says whether an answer was right that was drawn at random."""
MANY = 20
"""Values of a name from which nobody using the upper end shows that there is no higher one."""
USUAL = ((0.0, 1.0), (1.0, 5.0), (0.0, 5.0), (1.0, 10.0), (0.0, 10.0), (0.0, 100.0))
"""Lowest and highest value of the scales that are met most; a value at the highest one settles it."""
RARE = ((1.0, 3.0), (1.0, 4.0), (1.0, 7.0), (0.0, 2.0), (0.0, 3.0), (0.0, 4.0))
MIDDLE = (0.4, 0.6)
"""Share of a scale that is neither praise nor blame: 3 of 1 to 5, 5 and 6 of 1 to 10."""
PROMOTER = {"nps": (FeedbackScale(low=0, high=10, neutral=(7, 8)))}
"""Net promoter score, by its definition: F. Reichheld, "The One Number You Need to Grow", Harvard Business Review (2003)."""
NAMED = {
    **dict.fromkeys(("star", "stars", "csat"), ((1.0, 5.0), (0.0, 5.0), (1.0, 10.0))),
    **dict.fromkeys(("percent", "percentage", "pct"), ((0.0, 100.0),)),
}
"""Words of names that say which scales can be meant."""
_STARS = re.compile(r"^\s*([★⭐🌟]+)[☆\s]*$")
_MARKS = frozenset(["grade", "grades", "mark", "marks", "note", "nota", "schulnote"])
"""Names of school marks. Numbers up to 6 have their better end at 1 in some countries, and at 5 or 6 in others."""
_NUMBER = re.compile(
    r"^\s*([+-]?\d+(?:[.,]\d+)?)\s*(?:(?:/|of|out of|von|sur|de|su|van|av|из)\s*(\d+(?:\.\d+)?)|(%)|"
    r"((?i:stars?|sterne?|étoiles?|estrellas?|stelle|星))|(?i:points?|pts))?\s*$"
)

Range = tuple[float, float]
Reading = tuple[str, float | None]
"""praise, blame, neutral, unknown or empty, and the goodness from 0 to 1."""
UNKNOWN: Reading = ("unknown", None)


class FeedbackGroup(NamedTuple):
    """Records whose values can be compared: one name, as one format and data type tell it."""

    name: str
    format: str
    kind: str


class Fitted(Struct, frozen=True):
    """What is known of a group's scale."""

    ranges: tuple[Range, ...]
    """Those that fit; a value is read as far as all of them agree."""
    better: str
    neutral: Range | None
    praise: frozenset[str]
    blame: frozenset[str]
    labels: Mapping[str, float]
    source: str
    """stated, declared, inferred or unknown."""
    values: int = 0
    kind: str = ""

    def label(self, text: str) -> Reading:
        """The reading of a label; ("", None) for one that says nothing known."""
        name = folded(text)
        if name in self.praise or name in self.blame:
            return ("praise", 1.0) if name in self.praise else ("blame", 0.0)
        word = words.reading(text, self.better)
        if not word and name in self.labels:
            return self.number(self.labels[name])
        return (word, {"praise": 1.0, "blame": 0.0, "neutral": 0.5}[word]) if word else ("", None)

    def number(self, value: float, top: float | None = None) -> Reading:
        """The reading of a number; `top` is the highest value where the record itself names it, as in "4/5"."""
        ranges = ((0.0 if value < 1 or top == 1 or top >= 100 else 1.0, top),) if top else self.ranges
        fits = {self._within(value, *ends) for ends in ranges if ends[0] <= value <= ends[1]}
        readings = {reading for reading, _ in fits}
        if len(readings) != 1:
            return UNKNOWN
        return readings.pop(), fits.pop()[1] if len(fits) == 1 else None

    def _within(self, value: float, low: float, high: float) -> Reading:
        if low < 0 < high and not self.neutral:  # the sign says which end is meant
            share = (value / high + 1) / 2 if value > 0 else (1 - value / low) / 2
        else:
            share = (value - low) / (high - low)
        better = self.better or ("high" if low < 0 < high else "")
        if not better:
            return UNKNOWN
        goodness = round(share if better == "high" else 1 - share, 6)
        if self.neutral and self.neutral[0] <= value <= self.neutral[1]:
            return "neutral", goodness
        if self.neutral:
            return ("praise" if (value > self.neutral[1]) == (better == "high") else "blame"), goodness
        inside = MIDDLE[0] <= goodness <= MIDDLE[1]
        return "neutral" if inside else "praise" if goodness > MIDDLE[1] else "blame", goodness


class Scales:
    """The scale of every name in a table of feedback. `stated`: name to what trueup.toml says of it."""

    def __init__(self, records: Iterable[Feedback], stated: Mapping[str, FeedbackScale] = {}) -> None:
        seen: dict[FeedbackGroup, Counter[float]] = defaultdict(Counter)
        declared: dict[FeedbackGroup, list[Feedback]] = defaultdict(list)
        self._stated = {folded(name): scale for name, scale in stated.items()}
        for record in records:
            group = group_of(record)
            value = number_of(record)
            if value is not None and group.kind != "label":
                seen[group][value] += 1
            if record.scale is not None:
                declared[group].append(record)
        self._fitted = {group: self._fit(group, seen[group], declared[group]) for group in {*seen, *declared}}

    def of(self, group: FeedbackGroup) -> Fitted:
        if group not in self._fitted:
            self._fitted[group] = self._fit(group, Counter(), ())
        return self._fitted[group]

    def read(self, record: Feedback) -> Feedback:
        """The record with its reading and goodness."""
        reading, goodness = self._reading(record) if _can_rate(record) else ("", None)
        return replace(record, reading=reading, goodness=goodness)

    def _reading(self, record: Feedback) -> Reading:
        fitted = self.of(group_of(record))
        if record.label:
            reading = fitted.label(record.label)
            if reading[0]:
                return reading
            spelled = _spelled(record.label)
            if spelled is not None:
                return fitted.number(*spelled)
        return UNKNOWN if record.value is None or fitted.kind == "label" else fitted.number(record.value)

    def _fit(self, group: FeedbackGroup, seen: Counter[float], declared: Sequence[Feedback]) -> Fitted:
        reported = _united([record.scale for record in sorted(declared, key=_age) if record.scale is not None])
        stated = self._stated.get(folded(group.name), FeedbackScale())
        usual = next((PROMOTER[word] for word in words.tokens(group.name) if word in PROMOTER), FeedbackScale())
        labels = {**reported.labels, **stated.labels}
        given = _given(stated) or _given(reported) or _given(usual) or _between(labels)
        fits = given or _fitting(group, seen)
        known = (
            "stated" if stated != FeedbackScale() else "declared" if reported != FeedbackScale() or group.kind else ""
        )
        marks = not _MARKS.isdisjoint(words.tokens(group.name))
        named = "" if marks and 1 < max(seen, default=0) <= 6 else words.direction(group.name)
        better = stated.better or reported.better or named or _by_labels(labels)
        return Fitted(
            ranges=fits,
            better=better or ("high" if _given(stated) else ""),
            neutral=stated.neutral or (reported.neutral if _given(reported) else usual.neutral),
            praise=frozenset(map(folded, chain(stated.praise, reported.praise))),
            blame=frozenset(map(folded, chain(stated.blame, reported.blame))),
            labels={folded(label): value for label, value in labels.items()},
            source=known or ("inferred" if fits else "unknown"),
            values=seen.total(),
            kind=group.kind,
        )


def read(records: Iterable[Feedback], stated: Mapping[str, FeedbackScale] = {}) -> list[Feedback]:
    """All records with their readings, by the scales of the whole table.

    Records that have a reading keep it: they were read with what trueup.toml states.
    """
    table = list(records)
    fresh = [record for record in table if not record.reading]
    if not any(map(_can_rate, fresh)):
        return table
    scales = Scales(table, stated)
    return [record if record.reading else scales.read(record) for record in table]


def praised(feedback: Iterable[Feedback]) -> bool:
    """Whether somebody praised the answer and nobody blamed it or entered another one."""
    records = list(feedback)
    praise = any(record.positive for record in records)
    return praise and not any(record.negative or record.correction is not None for record in records)


def group_of(record: Feedback) -> FeedbackGroup:
    return FeedbackGroup(record.name, record.source.format, record.scale.kind if record.scale else "")


def number_of(record: Feedback) -> float | None:
    """The number that a record's value or label is; None where there is none, or it only counts a boolean or a category."""
    if record.value is not None:
        return record.value
    spelled = _spelled(record.label) if record.label else None
    return spelled[0] if spelled and spelled[1] is None else None


def _can_rate(record: Feedback) -> bool:
    own = record.name == REVIEW and not record.source.format
    return record.rates and not own and not record.withdrawn


def _spelled(label: str) -> tuple[float, float | None] | None:
    """The number that a label spells, and the highest one where it says so: "4/5", "2 stars", "★★★☆☆", "85%"."""
    stars = _STARS.match(label.replace("\ufe0f", ""))
    if stars:
        return float(len(stars[1])), float(max(5, len(stars[1]), sum(char in "★⭐🌟☆" for char in label)))
    number = _NUMBER.match(label)
    if not number:
        return None
    value = float(number[1].replace(",", "."))
    top = float(number[2]) if number[2] else 100.0 if number[3] else 5.0 if number[4] and value <= 5 else None
    return (value, top) if top is None or 0 <= value <= top > 0 else None


def _fitting(group: FeedbackGroup, seen: Counter[float]) -> tuple[Range, ...]:
    """The usual scales that fit all values of a name; one only where the values or the name settle it."""
    if group.kind == "boolean":
        return ((0.0, 1.0),)
    if group.kind == "label" or not seen:
        return ()
    low, high = min(seen), max(seen)
    if low < 0:
        reach = next((top for top in (1.0, 2.0, 3.0, 5.0, 10.0, 100.0) if max(-low, high) <= top), 0.0)
        return ((-reach, reach),) if reach else ()
    named = next((NAMED[word] for word in words.tokens(group.name) if word in NAMED), None)
    for ends in named or ():
        if ends[0] <= low and high <= ends[1]:
            return (ends,)
    from_low = (ends for ends in RARE if ends[0] == low)
    fits = [ends for ends in (*USUAL, *from_low) if ends[0] <= low and high <= ends[1] and _whole_enough(ends, seen)]
    usual = [ends for ends in USUAL if ends in fits]
    if (0.0, 1.0) in fits and (words.is_binary(group.name) or len(seen) > 1 or high not in (0.0, 1.0)):
        return ((0.0, 1.0),)
    reached = [ends for ends in usual if ends[1] == high and high > 1]
    if reached:
        return (reached[0],)
    if seen.total() >= MANY and usual and high != 1:
        return (usual[0], *(ends for ends in RARE if ends == (low, high) and ends in fits))
    return tuple(fits)


def _given(scale: FeedbackScale) -> tuple[Range, ...]:
    return ((scale.low, scale.high),) if scale.low is not None and scale.high is not None else ()


def _between(labels: Mapping[str, float]) -> tuple[Range, ...]:
    """From the least to the greatest value of declared categories."""
    ends = (min(labels.values()), max(labels.values())) if labels else (0.0, 0.0)
    return (ends,) if ends[0] < ends[1] else ()


def _whole_enough(ends: Range, seen: Iterable[float]) -> bool:
    """Whether the values can be of that scale: scales up to 5 or more are answered in halves at most, unless programs do."""
    return ends == (0.0, 1.0) or ends[1] >= 100 or all(value * 2 == int(value * 2) for value in seen)


def _united(scales: Sequence[FeedbackScale]) -> FeedbackScale:
    """What several declarations of one name say together; the later one of two that differ."""
    whole = FeedbackScale()
    for scale in scales:
        known = {
            name: held
            for name in FeedbackScale.__struct_fields__
            if (held := getattr(scale, name)) not in (None, "", ())
        }
        whole = replace(whole, **{**known, "labels": {**whole.labels, **scale.labels}})
    return replace(whole, kind="")


def _age(record: Feedback) -> tuple[int, str]:
    return record.changed_ns or record.at_ns, record.id


def _by_labels(labels: Mapping[str, float]) -> str:
    """The better end, where the labels of declared categories show it: bad 0, superb 2."""
    known = sorted((value, words.reading(label, "")) for label, value in labels.items())
    ranked = [reading for _, reading in known if reading in ("praise", "blame")]
    if not ranked:
        return ""
    if ranked == sorted(ranked):  # blame comes before praise in the alphabet, and at the low end
        only = len(set(ranked)) == 1 and known[0][1] == "praise" != known[-1][1]
        return "low" if only else "high"
    return "low" if ranked == sorted(ranked, reverse=True) else ""


def folded(text: str) -> str:
    """A name or label without case, spaces and punctuation."""
    return "".join(words.tokens(text)) or text.strip()
