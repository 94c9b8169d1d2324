"""How a finding says a gain, a loss and what was allowed."""

import pytest

from harness.gate import wording
from harness.gate.stage import judge
from harness.types import Comparison, Guard, Interval, Judgement, Pair, Policy, Suite, Target


def compared(gain, role, n=200, share=0.4):
    """`n` cases, of which `share` pass under the baseline; so many points of them gained or lost."""
    passing, moved = round(n * share), round(n * abs(gain))
    before = [1.0] * passing + [0.0] * (n - passing)
    after = list(before)
    for place in range(moved):
        after[passing + place if gain > 0 else place] = float(gain > 0)
    pairs = tuple(
        Pair(f"c{at:03}", old, new, f"c{at:03}") for at, (old, new) in enumerate(zip(before, after, strict=True))
    )
    suite = Suite(name="desk/eval_piqa::eval_piqa", role=role, metric="m", cases=n)
    return Comparison(suite=suite, baseline="base", candidate="tuned", metric="m", pairs=pairs, binary=True)


def sentence(gain, role):
    judgement = Judgement(comparisons=(compared(gain, role),), policy=Policy(targets="none"), candidate="c")
    rule = type(role).__name__.lower()
    return next(finding.sentence for finding in judge(judgement).findings if finding.rule == rule)


@pytest.mark.parametrize("gain", [-0.2, -0.02, 0.02, 0.2])
def test_a_loss_has_a_minus_sign_in_every_interval(gain):
    """Word and ends of the interval agree: the ends are of candidate minus baseline, for gains and losses alike."""
    text = sentence(gain, Guard(margin=0.08))
    low, high = (float(part) for part in text.split("interval ")[1].split(")")[0].split(" to "))
    assert low < gain * 100 < high
    assert ("dropped by" in text) == (gain < 0) and ("improved by" in text) == (gain > 0)


def test_what_was_allowed_is_no_answer_to_a_gain():
    """A guard that improved says that a drop is ruled out; one that fell within its margin says what was allowed."""
    assert "was allowed" not in sentence(0.1, Guard(margin=0.08))
    assert "a drop of more than 8.0 is ruled out" in sentence(0.1, Guard(margin=0.08))
    assert "a drop of up to 8.0 was allowed" in sentence(-0.01, Guard(margin=0.08))
    assert "within the margin" in sentence(-0.04, Guard(margin=0.2))
    assert "allowed" not in sentence(0.3, Target(min_gain=0.05))


def test_numbers_that_are_no_shares_keep_their_unit():
    """A budget of tokens is never told in points."""
    pair = Pair("a", 90.0, 70.0, "a")
    tokens = Comparison(
        suite=Suite(name="s"), baseline="base", candidate="tuned", metric="m", pairs=(pair,), binary=False
    )
    text = wording.change(tokens, -20.0, Interval(-25.0, -15.0, 0.95, "t"))
    assert text == "s dropped by 20 against base (95 % interval -25 to -15)"
