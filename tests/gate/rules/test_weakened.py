"""A policy that asks for less than at the last promotion is no quiet change."""

import numpy as np
import pytest

from harness.gate.stage import gate
from harness.types import ArmSettings, Policy
from tests.gate.traffic import mined, shares

SUITES, SHARES = mined(np.random.default_rng(1), 0.9, 0.0), shares(4000, 1000)


def verdict(before, now):
    return gate(SUITES, now, candidate="a", shares=SHARES, bar_policy=before, bar_version=before.version)


def asked(before, now):
    """The verdict after arms were asked in one way, and now in another."""
    return gate(SUITES, Policy(), candidate="a", shares=SHARES, bar_policy=Policy(), bar_arms=before, arms=now)


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({}, {"alpha": 0.45}, "alpha is 0.45 instead of 0.05"),
        ({}, {"min_cases": 2}, "min_cases is 2 instead of 20"),
        ({}, {"max_error_share": 0.5}, "max_error_share is 0.5"),
        ({}, {"looks": 500}, "looks is 500"),
        ({"net_gain": 0.01}, {}, "net_gain is 0 instead of 0.01"),
        ({}, {"targets": "any"}, "one target of several"),
        ({"targets": "any"}, {"targets": "none"}, "no target is needed"),
        ({}, {"prompted_tie": "say"}, "only said"),
        ({"baselines": ("base", "prompted")}, {}, "prompted is no baseline"),
        ({"options": {"required": ["arc"]}}, {}, "options differ (required)"),
    ],
)
def test_a_weaker_policy_is_undecided_until_it_is_meant(before, now, words):
    """Under the same version it blocks; under a new one it is in the sentence of the promotion."""
    quiet, meant = verdict(Policy(**before), Policy(**now)), verdict(Policy(**before), Policy(**now, version="2"))
    assert quiet.outcome == "undecided" and words in quiet.sentence
    assert meant.outcome == "promote" and words in meant.sentence


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({}, {"model": "tiny"}, "the arm base has another model"),
        ({}, {"prompt": "0" * 64}, "the arm base has another prompt"),
        ({}, {"options": {"temperature": 2.0}}, "the arm base has another set of options"),
        ({"options": {"dtype": "float32"}}, {}, "the arm base has another set of options"),
        (
            {},
            {"template_options": {"enable_thinking": False}, "backend": "constant"},
            "another backend and set of templ",
        ),
    ],
)
def test_an_arm_that_is_asked_in_another_way_is_undecided(before, now, words):
    """A base that a worse model or prompt holds back is easily beaten."""
    verdict = asked({"base": ArmSettings(**before)}, {"base": ArmSettings(**now)})
    assert verdict.outcome == "undecided" and words in verdict.sentence
    assert asked({"base": ArmSettings(**now)}, {"base": ArmSettings(**now)}).outcome == "promote"


def test_an_arm_that_is_gone_is_undecided_and_a_new_one_is_not():
    """What the candidate was held against is held against it again."""
    one, two = {"base": ArmSettings()}, {"base": ArmSettings(), "few_shot": ArmSettings(prompt="1" * 64)}
    assert "the arm few_shot is gone" in asked(two, one).sentence
    assert asked(one, two).outcome == "promote"


def test_before_the_first_promotion_it_is_named_and_decides_nothing():
    """A gate that is being built changes every day; the sentence says what it asked for before."""
    verdict = gate(SUITES, Policy(alpha=0.2), candidate="a", shares=SHARES, bar_policy=Policy(), bar_promoted=False)
    assert (
        verdict.outcome == "promote"
        and "since an earlier verdict the gate was weakened: alpha is 0.2" in verdict.sentence
    )


@pytest.mark.parametrize("now", [{}, {"alpha": 0.01}, {"min_cases": 50}, {"options": {"power": 0.9}}])
def test_a_policy_that_asks_for_as_much_or_more_is_no_finding(now):
    """Neither a stricter one nor what is only for planning."""
    assert not [one for one in verdict(Policy(), Policy(**now)).findings if one.rule == "weakened"]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"base": ArmSettings()}, {"base": ArmSettings(prompt="1" * 64, promoted=True)}),
        ({"base": ArmSettings(content="c")}, {"base": ArmSettings(backend="hf", model="m", content="c", alone=True)}),
        ({"base": ArmSettings(), "tuned": ArmSettings(model="m")}, {"base": ArmSettings()}),
    ],
    ids=["it is what was promoted", "the tuned arm it was compared with is gone", "it is the candidate now"],
)
def test_an_arm_that_is_no_weaker_baseline_is_not_named(before, now):
    """The promoted prompt as the new base, an unchanged arm, and a rival that became the candidate."""
    assert not [finding for finding in asked(before, now).findings if finding.rule == "weakened"]


def test_another_arm_without_a_tuned_one_to_compare_with_is_named():
    """What the arm is told apart from has changed, and so has the arm."""
    now = {"base": ArmSettings(backend="hf", model="m", content="d", alone=True)}
    assert asked({"base": ArmSettings(content="c")}, now).outcome == "undecided"
