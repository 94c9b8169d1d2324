"""Two runs side by side: changed, noise, left out."""

import pytest
from msgspec.structs import replace

from harness.gate.contrast import contrast
from harness.types import Comparison, Guard, Pair, Suite


def compared(name, both, broken, fixed, neither, candidate="tuned"):
    table = [(1, 1)] * both + [(1, 0)] * broken + [(0, 1)] * fixed + [(0, 0)] * neither
    pairs = tuple(
        Pair(case_id=f"c{i}", baseline=float(x), candidate=float(y), cluster=f"c{i}") for i, (x, y) in enumerate(table)
    )
    return Comparison(
        suite=Suite(name=f"demo::eval_{name}", role=Guard()),
        baseline="base",
        candidate=candidate,
        metric="exact",
        pairs=pairs,
        binary=True,
    )


GAIN, LOSS, SAME = compared("gain", 30, 2, 40, 28), compared("loss", 40, 20, 3, 37), compared("same", 50, 3, 3, 44)


def test_changes_and_noise_are_told_apart():
    """What is shown in either direction changed, largest first; the rest is noise; every suite is in one place."""
    found = contrast([SAME, LOSS, GAIN], (), 0.05)
    assert [f.suite.split("_")[1] for f in found.changed] == ["gain", "loss"]
    assert [f.suite.split("_")[1] for f in found.noise] == ["same"]
    assert found.left_out == ()
    assert found.changed[0].sentence.startswith("gain improved by 38.0 points over base (95 % interval ")
    assert (found.changed[0].counts["before"], found.changed[0].counts["after"]) == (0.32, 0.70)
    assert found.changed[0].interval.level == pytest.approx(0.95)


def test_many_suites_pay_for_their_number():
    """A difference that is shown alone is noise among nine that did not move."""
    just = compared("just", 40, 1, 9, 50)
    assert len(contrast([just], (), 0.05).changed) == 1
    others = [replace(SAME, suite=replace(SAME.suite, name=f"demo::eval_{i}")) for i in range(9)]
    assert contrast([just, *others], (), 0.05).changed == ()


def test_what_was_left_out_is_said():
    """A suite with a problem is not compared, and cases without a score under both are counted with the first reason."""
    changed = replace(GAIN, problems=("the eval file changed",))
    gone = replace(LOSS.pairs[0], candidate=None, candidate_error="timeout")
    found = contrast([changed, replace(LOSS, pairs=(gone, *LOSS.pairs[1:]))], (), 0.05)
    assert [f.suite.split("_")[1] for f in found.changed] == ["loss"]
    assert "the eval file changed" in found.left_out[0].sentence
    assert "1 of 100 cases have no score under both, such as c0 (timeout)" in found.left_out[1].sentence


def test_an_evaluation_that_ended_early_is_said():
    """How many cases were asked stands among what was left out, with the reason."""
    part = replace(LOSS, stopped="it lost.", suite=replace(LOSS.suite, cases=400))
    found = contrast([part], (), 0.05)
    assert "only 100 of 400 cases were asked, since the evaluation ended early: it lost." in found.left_out[0].sentence
    assert found.changed[0].formula == "betting_sequence"


def test_noise_of_repeats_stands_beside():
    """The flips of an arm against itself are counted beside the difference."""
    control = replace(compared("gain", 47, 1, 2, 50), candidate="base")
    assert contrast([GAIN], [control], 0.05).changed[0].counts["aa_flips"] == 3
