"""Split the gain by nearness to training: do held-out messages that training all but holds pass more often than others?

A held-out message is near when it contains a training message, or stands in one, word for word. What passes there only may have
been learnt by heart. The intervals are Wilson's (1927), over cases taken as independent.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from scipy.stats import binomtest

from harness.core.replies import words
from harness.types import Role, Story
from reports.parts.cases import CaseRow, candidate, main_baseline, passes
from reports.parts.matrix import suites_of

SHORTEST = 4
"""Words of a message below which standing in another tells nothing: thanks, or a greeting."""
KEY = 4
"""Words that messages are looked up by; not more than `SHORTEST`."""
LEVEL = 0.95


class NearGroup(Struct):
    label: str
    cases: int
    baseline: float
    candidate: float
    """Shares that pass."""
    low: float
    high: float
    """Interval of the candidate's share."""


def nearness(story: Story, rows: Iterable[CaseRow]) -> list[NearGroup]:
    """The near and the other held-out cases; empty without training rows, or where all are of one kind."""
    held = [row for row in rows if row.case.split == "held_out"]
    near = _near([row.case.text for row in held], [case.text for case in story.training])
    roles = {name: suite.role for name, suite in suites_of(story.runs).items()}
    groups = [
        _group(story, label, [row for row, is_near in zip(held, near, strict=True) if is_near == wanted], roles)
        for label, wanted in (("contains a training message, or is part of one", True), ("elsewhere", False))
    ]
    known = [group for group in groups if group is not None]
    return known if len(known) == len(groups) else []


def _group(story: Story, label: str, rows: list[CaseRow], roles: dict[str, Role]) -> NearGroup | None:
    before, after = main_baseline(story), candidate(story)
    scored = [row for row in rows if None not in (row.scores.get(before), row.scores.get(after))]
    if not scored:
        return None
    passed = {arm: sum(passes(roles[row.suite], row.scores[arm] or 0.0) for row in scored) for arm in (before, after)}
    span = binomtest(passed[after], len(scored)).proportion_ci(LEVEL, method="wilson")
    return NearGroup(
        label=label,
        cases=len(scored),
        baseline=passed[before] / len(scored),
        candidate=passed[after] / len(scored),
        low=float(span.low),
        high=float(span.high),
    )


def _near(texts: Sequence[str], training: Sequence[str]) -> list[bool]:
    """Whether each text contains a training text, or stands in one. Texts are looked up by their first words, so that the
    time grows with their length and not with the number of pairs."""
    taught = [spoken for text in training if len(spoken := words(text)) >= SHORTEST]
    starts: dict[tuple[str, ...], set[str]] = {}
    inside: dict[tuple[str, ...], set[str]] = {}
    for spoken in taught:
        whole = _padded(spoken)
        starts.setdefault(tuple(spoken[:KEY]), set()).add(whole)
        for place in range(len(spoken) - KEY + 1):
            inside.setdefault(tuple(spoken[place : place + KEY]), set()).add(whole)
    firsts = {key[0] for key in starts}
    return [_is_near(words(text), firsts, starts, inside) for text in texts]


def _is_near(
    spoken: list[str],
    firsts: set[str],
    starts: dict[tuple[str, ...], set[str]],
    inside: dict[tuple[str, ...], set[str]],
) -> bool:
    if len(spoken) < SHORTEST:
        return False
    whole = _padded(spoken)
    if any(whole in other for other in inside.get(tuple(spoken[:KEY]), ())):
        return True
    places = (place for place in range(len(spoken) - KEY + 1) if spoken[place] in firsts)
    return any(other in whole for place in places for other in starts.get(tuple(spoken[place : place + KEY]), ()))


def _padded(spoken: list[str]) -> str:
    return f" {' '.join(spoken)} "
