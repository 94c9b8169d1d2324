"""Measure how far two people agree on whether production's answers were right.

PeopleAgreement by chance is taken off: Cohen's kappa (1960), 1 for perfect agreement and 0 for what two people would reach who
answer at random, each as often right as they do here.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations

from harness.core.feedback_scale import REVIEW
from harness.core.replies import confirms
from harness.curate.targets import REJECTED
from harness.evaluate.judging.trial import kappa
from harness.types import Call, Feedback, Noun

WRONG, RIGHT = "wrong", "right"


class PeopleAgreement(Noun, frozen=True):
    """Two people, on the calls that both judged."""

    first: str
    second: str
    calls: int
    agreed: int
    kappa: float | None
    """None where all answers of both are alike, so that chance explains everything."""
    differ: tuple[str, ...]
    """Ids of the calls on which they differ: what the two should talk about."""


def agreements(feedback: Iterable[Feedback], calls: Mapping[str, Call]) -> tuple[PeopleAgreement, ...]:
    """Of each two people who judged a call in common, most common calls first. `calls`: those that were judged, by id.

    Counts what people said anywhere: in the page, and in files of annotation tools that were ingested.
    """
    people: dict[str, dict[str, str]] = {}
    for item in sorted(feedback, key=lambda item: (item.at_ns, item.id)):
        verdict = judged(item, calls.get(item.call_id))
        if verdict and item.user_id:
            people.setdefault(item.user_id, {})[item.call_id] = verdict
    pairs = (_agreement(pair, people) for pair in combinations(sorted(people), 2))
    return tuple(
        sorted((pair for pair in pairs if pair.calls), key=lambda pair: (-pair.calls, pair.first, pair.second))
    )


def judged(item: Feedback, call: Call | None) -> str:
    """What a person said of production's answer: right or wrong; empty where they did not say it."""
    if call is None or item.source_kind != "human":
        return ""
    if item.name == REVIEW and item.label == REJECTED:
        return WRONG
    if item.correction is not None:
        return RIGHT if confirms(item.correction, call) else WRONG
    return RIGHT if item.positive else WRONG if item.negative else ""


def _agreement(pair: tuple[str, str], people: Mapping[str, Mapping[str, str]]) -> PeopleAgreement:
    first, second = (people[name] for name in pair)
    common = sorted(first.keys() & second.keys())
    differ = tuple(call for call in common if first[call] != second[call])
    sides = [first[call] for call in common], [second[call] for call in common]
    return PeopleAgreement(
        first=pair[0],
        second=pair[1],
        calls=len(common),
        agreed=len(common) - len(differ),
        kappa=kappa(*sides, (WRONG, RIGHT)) if common else None,
        differ=differ,
    )
