"""Means with intervals that a report shows."""

import pytest
from msgspec.structs import replace

from harness.gate import described, stage
from harness.types import Guard, Judgement, Policy, Waiver
from tests.reports.story import CHOICES, INSTRUCTIONS, PARCEL, make_story


@pytest.fixture(scope="module")
def night():
    return make_story(120)


def test_every_suite_has_a_mean_under_every_arm(night):
    """The mean is that of the scores, inside its interval; one run alone has the same as in a comparison."""
    means = {(each.suite, each.arm): each for each in described.arm_means(night.runs, night.comparisons)}
    assert set(means) == {(suite, run.arm.name) for suite in (PARCEL, INSTRUCTIONS, CHOICES) for run in night.runs}
    tuned = [pair.candidate for each in night.comparisons if each.suite.name == CHOICES for pair in each.pairs]
    mean = means[CHOICES, "tuned"]
    assert mean.mean == pytest.approx(sum(tuned) / len(tuned))
    assert 0 <= mean.interval.low < mean.mean < mean.interval.high <= 1
    alone = {each.suite: each for each in described.arm_means(night.runs[2:], ())}
    assert alone[CHOICES].mean == mean.mean


def test_scores_without_a_range_have_no_interval(night):
    """A mean of seconds or tokens could be moved by one case at will."""
    (first, *_) = (each for each in night.comparisons if each.suite.name == CHOICES)
    tokens = replace(first, pairs=tuple(replace(pair, baseline=90.0, candidate=70.0) for pair in first.pairs))
    suites = tuple(suite for suite in night.runs[0].suites if suite.name == CHOICES)
    run = replace(night.runs[0], suites=suites)
    (mean,) = described.arm_means([run], [tokens])
    assert (mean.mean, mean.interval) == (90.0, None)


def test_waived_cases_are_in_no_mean(night):
    """The means of a guard are those that its finding was made from."""
    guards = [each for each in night.comparisons if isinstance(each.suite.role, Guard) and each.baseline == "base"]
    guard, broken = next((each, p) for each in guards for p in each.pairs if (p.baseline, p.candidate) == (1, 0))
    waiver = Waiver(suite=guard.suite.name, case_id=broken.case_id, reason="r", owner="o", expires="2026-11-20")
    judgement = Judgement(
        comparisons=night.comparisons, policy=Policy(), candidate="c", waivers=(waiver,), today="2026-11-01"
    )
    context = stage.context_of(judgement)
    means = described.pair_means(context.comparisons, context.unwaived, 0.05)
    mean = next(each for each in means if (each.suite, each.baseline, each.part) == (guard.suite.name, "base", ""))
    assert (mean.waived, mean.n) == (1, len(guard.pairs) - 1)
    finding = next(
        each
        for each in stage.judge(judgement).findings
        if (each.rule, each.suite, each.baseline) == ("guard", guard.suite.name, "base")
    )
    assert mean.after - mean.before == pytest.approx(finding.estimate)


def test_a_slice_has_the_interval_of_its_difference(night):
    """As the suite has; a slice of a few cases has a mean only."""
    sliced = tuple(
        replace(
            each,
            pairs=tuple(replace(p, slices=("n=few",) if at < 3 else ("n=many",)) for at, p in enumerate(each.pairs)),
        )
        for each in night.comparisons[:1]
    )
    parts = {each.part: each for each in described.pair_means(sliced, lambda each: each, 0.05) if each.part}
    assert parts["n=few"].interval is None
    many = parts["n=many"]
    assert many.interval.low <= many.after - many.before <= many.interval.high
