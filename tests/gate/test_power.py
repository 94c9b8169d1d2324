"""Power first: told before training."""

from harness.gate.power import plan
from harness.types import Guard, Info, Policy, Suite, Target


def test_enough_cases_pass_and_too_few_are_counted():
    """A guard with enough cases passes; one without says how many are missing, and with them it passes."""
    suite = Suite(name="e::eval_arc", role=Guard(margin=0.08), cases=150)
    assert plan([suite], Policy())[0].outcome == "pass"
    small = Suite(name="e::eval_arc", role=Guard(margin=0.08), cases=60)
    (finding,) = plan([small], Policy())
    assert finding.outcome == "unresolved"
    enough = Suite(name="e::eval_arc", role=Guard(margin=0.08), cases=60 + int(finding.counts["needed"]))
    assert plan([enough], Policy())[0].outcome == "pass"


def test_empty_and_undeciding_suites():
    """A target without cases is unresolved; a suite that decides nothing is not planned."""
    found = plan([Suite(name="a", role=Target(0.05)), Suite(name="b", role=Info(), cases=5)], Policy())
    assert [(f.suite, f.outcome) for f in found] == [("a", "unresolved")]


def test_the_minimum_of_the_policy_counts():
    """Power is not all: fewer cases than the policy's minimum are unresolved."""
    suite = Suite(name="a", role=Target(0.0), cases=30)
    options = {"expected_gain": 0.6}
    assert plan([suite], Policy(options=options))[0].outcome == "pass"
    assert plan([suite], Policy(options=options, min_cases=40))[0].counts["needed"] == 10


def test_guards_together_have_the_product_of_their_powers():
    """All must hold, so two guards of 84 % hold together in 71 %; one guard alone needs no telling."""
    suites = [Suite(name=name, role=Guard(margin=0.08), cases=120) for name in ("a", "b")]
    *each, together = plan(suites, Policy())
    assert together.suite == "" and together.outcome == "info"
    assert together.counts["power"] == round(each[0].counts["power"] * each[1].counts["power"], 4)
    assert all(finding.suite for finding in plan(suites[:1], Policy()))
