"""Losses that add up over promotions: the candidate against the original base."""

import pytest

from harness.types import Guard, Policy, Target
from tests.gate.rules.conftest import compared
from tests.gate.rules.test_rules import told

GUARD = Guard(margin=0.03)
FINE, LOST = (400, 4, 4, 200), (400, 60, 5, 135)
CHAMPION_ONLY = Policy(baselines=("champion",))


def against(champion, base=None):
    """A guard against the champion and, where given, against the base."""
    found = [compared("arc", GUARD, *champion, baseline="champion")]
    return [*found, compared("arc", GUARD, *base)] if base else found


def test_a_loss_to_the_base_is_seen_though_the_champion_is_held():
    """Level with the champion and far below the base: the ratchet fails."""
    (finding,) = told("ratchet", *against(FINE, LOST), policy=CHAMPION_ONLY)
    assert (finding.rule, finding.outcome, finding.baseline) == ("ratchet", "fail", "base")
    (finding,) = told("ratchet", *against(FINE, FINE), policy=CHAMPION_ONLY)
    assert finding.outcome == "pass"


def test_without_a_run_of_the_base_it_is_invalid():
    """A champion alone cannot show what earlier nights lost."""
    (finding,) = told("ratchet", *against(FINE), policy=CHAMPION_ONLY)
    assert finding.outcome == "invalid" and "no run of base" in finding.sentence


@pytest.mark.parametrize(
    ("comparisons", "policy"),
    [
        (against(FINE, LOST), Policy(baselines=("base", "champion"))),
        ([compared("arc", GUARD, *LOST)], Policy(baselines=("prompted",))),
        ([compared("fix", Target(), *FINE, baseline="champion")], CHAMPION_ONLY),
    ],
)
def test_it_is_silent_where_the_guard_speaks_or_nothing_can_add_up(comparisons, policy):
    """With the base among the baselines, without a champion, and for targets it says nothing."""
    assert not told("ratchet", *comparisons, policy=policy)


def test_where_no_arm_is_called_base_the_first_baseline_is_the_original():
    """A project of `current` and `next`: the guard's own findings against `current` say it; a run of `base` still counts."""
    policy = Policy(baselines=("current", "champion"))
    both = [compared("arc", GUARD, *FINE, baseline=name) for name in ("current", "champion")]
    assert not told("ratchet", *both, policy=policy)
    (finding,) = told("ratchet", *both, compared("arc", GUARD, *LOST), policy=policy)
    assert (finding.outcome, finding.baseline) == ("fail", "base")
    named = Policy(baselines=("current", "champion"), options={"original": "first"})
    (finding,) = told("ratchet", *both, policy=named)
    assert finding.outcome == "invalid" and "no run of first" in finding.sentence
