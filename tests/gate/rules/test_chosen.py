"""The best of several is judged at an equal part of the error."""

import pytest

from harness.gate.context import Context
from harness.gate.rules import chosen
from harness.gate.stage import gate
from harness.types import Policy, Target
from tests.gate.rules.conftest import compared


def test_each_candidate_may_make_an_equal_part_of_the_error():
    """Among four, a look's error is a quarter; the finding says so, and there is none without a choice."""
    alone, four = (Context((), (), Policy(alpha=0.1), ("base",), among=count) for count in (1, 4))
    assert four.alpha("suite") == pytest.approx(alone.alpha("suite") / 4)
    (finding,) = chosen.findings(four)
    assert finding.counts == {"candidates": 4} and "among 4" in finding.sentence
    assert list(chosen.findings(alone)) == []


def test_a_gain_that_is_enough_alone_is_not_enough_for_the_best_of_many():
    """Twelve fixed and two broken of sixty: shown alone, not among fifty."""
    few = [compared("booking", Target(min_gain=0.0), 20, 2, 12, 26)]
    outcomes = []
    for count in (1, 50):
        found = gate(few, Policy(min_cases=5), candidate="c", among=count).findings
        outcomes += [finding.outcome for finding in found if finding.rule == "target"]
    assert outcomes == ["pass", "unresolved"]
