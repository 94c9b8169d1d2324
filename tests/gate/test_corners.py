"""Corners in which a gate promotes by what its sample lacks: each with an error that is counted or simulated here."""

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.stats import binom

from harness.gate import measure, units
from harness.gate.compare import compare
from harness.gate.stage import gate
from harness.gate.statistics import tango
from harness.gate.statistics.effective import effective, few_clusters, one_rate
from harness.gate.statistics.prediction_powered import prediction_powered
from harness.gate.statistics.spending import spent
from harness.types import (
    Arm,
    Budget,
    Calibration,
    Case,
    Guard,
    Message,
    Policy,
    Reply,
    Result,
    Run,
    Score,
    Suite,
    Target,
    TextPart,
)
from tests.gate.rules.conftest import compared
from tests.gate.rules.test_rules import numbers, told

ALPHA, MOST = 0.05, 0.06


def passes(values, clusters, bound):
    """What `paired` decides on effective counts, without its interval."""
    found = effective(values, clusters, ALPHA)
    if few_clusters(found.clusters, found.equal_clusters):
        return False
    return tango.p_above(found.broken, found.fixed, found.n, bound) <= ALPHA


# ------------------------------------------------------------ graded scores


@pytest.mark.parametrize(("gain", "bound"), [(0.05, 0.0), (0.1, 0.0), (0.2, 0.0), (0.15, 0.05), (0.02, -0.05)])
@pytest.mark.parametrize("n", [30, 60, 120])
def test_a_rare_total_failure_that_the_sample_lacks_does_not_pass(gain, bound, n):
    """Every case gains a little and a few fail as a whole, so that the true mean is the bound: summed over how many the
    sample holds, it passes in at most 6 %."""
    rare = (gain - bound) / (1 + gain)
    held = [passes(np.array([gain] * (n - k) + [-1.0] * k), np.arange(n), bound) for k in range(12)]
    assert sum(binom.pmf(k, n, rare) for k in range(12) if held[k]) <= MOST


def test_over_twenty_nights_a_rare_total_failure_passes_no_more_often_than_stated():
    """A smaller error asks for more of what a sample may lack: each night its own candidate, at its share of alpha."""
    gain, bound, n = 0.1, 0.05, 500
    rare = (gain - bound) / (1 + gain)
    counts = np.arange(80)
    chances = binom.pmf(counts, n, rare)
    samples = [np.array([gain] * (n - k) + [-1.0] * k) for k in counts]

    def promoted(alpha):
        found = [effective(values, np.arange(n), alpha) for values in samples]
        return sum(
            chance for chance, one in zip(chances, found, strict=True)
            if tango.p_above(one.broken, one.fixed, one.n, bound) <= alpha
        )  # fmt: skip

    assert 1 - np.prod([1 - promoted(spent(ALPHA, look)) for look in range(1, 21)]) < MOST


def test_a_cluster_that_fails_as_a_whole_is_such_a_case():
    """Thirty users who each gain in a twentieth of their cases, and rare ones for whom all breaks: at most 6 %."""
    draw, rare = np.random.default_rng(1), 0.05 / 1.05
    index, held = np.repeat(np.arange(30), 20), 0
    for _ in range(300):
        values = (draw.random((30, 20)) < 0.05).astype(float)
        values[draw.random(30) < rare] = -1.0
        held += passes(values.ravel(), index, 0.0)
    assert held / 300 <= MOST


# ------------------------------------------------------------ unequal clusters


def test_one_session_of_100_among_100_is_not_judged():
    """It counts as four equal clusters; the sentence says so, and what evens them."""
    one = compared("b", Target(), 40, 2, 60, 98)
    big = tuple(replace(pair, cluster="big" if place % 2 else pair.case_id) for place, pair in enumerate(one.pairs))
    (finding,) = told("target", replace(one, pairs=big))
    assert finding.outcome == "unresolved" and "count as 4.0 equal ones" in finding.sentence
    assert (finding.counts["clusters"], finding.counts["equal_clusters"]) == (101, 4.0)
    even = replace(one, pairs=big, suite=replace(one.suite, cluster="user", weights="cluster"))
    assert told("target", even)[0].counts["n"] == 101
    capped = replace(one, pairs=big, suite=replace(one.suite, cluster="user", cluster_cap=5))
    assert told("target", capped)[0].counts["n"] == 105
    assert told("target", capped)[0].outcome == "pass"


@pytest.mark.parametrize("together", [0.0, 0.5, 1.0])
def test_zipf_users_do_not_pass_a_loss_of_the_margin(together):
    """A few users with most of the cases: at most 6 % of the candidates that truly lose the margin."""
    sizes = np.maximum(1, np.round(500 / np.arange(1, 121) ** 0.7 / np.sum(1 / np.arange(1, 121) ** 0.7))).astype(int)
    draw, index, held = np.random.default_rng(2), np.repeat(np.arange(120), sizes), 0
    for _ in range(300):
        fate = draw.random(len(index))
        shared = draw.random(120)[index]
        fate = np.where((draw.random(120) < together)[index], shared, fate)
        held += passes(np.where(fate < 0.065, -1.0, np.where(fate < 0.1, 1.0, 0.0)), index, -0.03)
    assert held / 300 <= MOST


def test_equal_clusters_that_move_together_count_as_before():
    """Neither the number of clusters nor an unseen one changes anything where all have one size and one fate."""
    found = effective(np.repeat([1.0, -1.0, 0.0, 0.0] * 10, 5), np.repeat(np.arange(40), 5))
    assert (found.clusters, found.equal_clusters) == (40, 40.0)
    assert (found.fixed, found.broken) == (pytest.approx(found.broken), pytest.approx(10 * 5 / found.design))


# ------------------------------------------------------------ rows that were pasted


SUITE = Suite(name="demo/eval_demo::eval_demo", role=Target(), metric="exact", digest="d")


def run(arm, texts, values, keys=None):
    """A run over cases that ask these texts."""
    cases = tuple(
        Case(id=f"c{n}", messages=(Message(role="user", parts=(TextPart(text=text),)),), expected="yes")
        for n, text in enumerate(texts)
    )
    results = tuple(
        Result(
            suite=SUITE.name,
            case_id=case.id,
            scores=(Score(name="exact", value=float(value)),),
            replies=(Reply(text="yes", key=keys[n]),) if keys else (),
        )
        for n, (case, value) in enumerate(zip(cases, values, strict=True))
    )
    suite = replace(SUITE, cases=len(cases))
    return Run(id=arm, arm=Arm(name=arm), model_digest=arm, suites=(suite,), results=results, cases={SUITE.name: cases})


def test_a_row_pasted_forty_times_counts_once():
    """Forty copies of one fixed row, spaced and cased in ten ways, among 40 rows that did not change: one gain of 41."""
    pasted = [" ".join(["Cancel", "MY"[: n % 3] + "my"[n % 3 :], "order" + " " * (n % 10)]) for n in range(40)]
    texts = [f"question {n}" for n in range(40)] + [text.lower() for text in pasted]
    (one,) = compare(run("base", texts, [0] * 80), run("tuned", texts, [0] * 40 + [1] * 40))
    verdict = gate((one,), Policy(), candidate="a")
    (target,) = [f for f in verdict.findings if f.rule == "target"]
    assert verdict.outcome == "undecided"
    assert (target.counts["n"], target.counts["c"], target.counts["same"]) == (41, 1, 39)
    assert any(f.rule == "copies" and "39 of 80 cases ask the same" in f.sentence for f in verdict.findings)


def test_the_same_request_is_the_same_case_whatever_the_row_says():
    """Rows that differ in columns which the model never sees are told by what was sent to it."""
    texts = [f"row {n}" for n in range(60)]
    keys = ["one request"] * 40 + [f"request {n}" for n in range(20)]
    (one,) = compare(run("base", texts, [0] * 60, keys), run("tuned", texts, [1] * 60, keys))
    assert len(units.scored(one)) == 21
    (apart,) = compare(run("base", texts, [0] * 60), run("tuned", texts, [1] * 60))
    assert len(units.scored(apart)) == 60


def test_copies_are_averaged():
    """Copies that disagree are one unit with their mean, of the cluster of the first."""
    texts = ["Hello there", "hello  there", "bye"]
    (one,) = compare(run("base", texts, [0, 0, 0]), run("tuned", texts, [1, 0, 1]))
    assert [(unit.case_id, unit.candidate) for unit in units.scored(one)] == [("c0", 0.5), ("c2", 1.0)]


# ------------------------------------------------------------ numbers without bounds


@pytest.mark.parametrize("role", [Guard(margin=1.0), Target()])
def test_numbers_without_a_range_decide_nothing(role):
    """However many cases and however clear: an unseen one may outweigh them, and what to write is said."""
    one = numbers(compared("speed", role, 1, 0, 0, 0), [5.0] * 400, [9.0] * 400)
    (finding,) = told("guard" if isinstance(role, Guard) else "target", one)
    assert finding.outcome == "unresolved" and "range=(LOW, HIGH)" in finding.sentence
    ranged = replace(one, suite=replace(one.suite, range=(0.0, 10.0)))
    assert told(finding.rule, ranged)[0].outcome == "pass"


def test_stalls_that_a_sample_lacks_do_not_pass_a_budget():
    """2 % of the replies stall for a minute, so the mean is the limit: with the range declared, summed over how many stalls
    the sample holds, it passes in at most 6 %; without it nothing passes."""
    limit, n = 1.0 + 0.02 * 59, 60
    held = []
    for stalls in range(8):
        seconds = np.array([1.0] * (n - stalls) + [60.0] * stalls)
        held.append(60 * one_rate(seconds / 60, np.arange(n), 1 - 2 * ALPHA).high <= limit)
    assert sum(binom.pmf(k, n, 0.02) for k in range(8) if held[k]) <= MOST
    speed = numbers(compared("speed", Budget(limit=1.5), 1, 0, 0, 0), [1.0] * 60, [1.0 + 0.01 * n for n in range(60)])
    assert told("budget", speed)[0].outcome == "unresolved"


# ------------------------------------------------------------ judges


def judged(draw, n, labels, laxer):
    """Scores of a judge that passes 10 % of the bad answers, and `laxer` more of those of the tuned arm; people see no
    difference between the arms. Gives the judge's scores and each arm's labels."""
    good = draw.random((2, n)) < 0.6
    seen = np.where(good, draw.random((2, n)) < 0.9, draw.random((2, n)) < np.array([[0.1], [0.1 + laxer]]))
    told = []
    for arm in (0, 1):
        people = draw.random(labels) < 0.6
        judge = np.where(people, draw.random(labels) < 0.9, draw.random(labels) < 0.1 + arm * laxer)
        told.append(tuple(zip(people.astype(float), judge.astype(float), strict=True)))
    return seen.astype(float), told


def test_a_judge_that_is_laxer_on_one_arm_does_not_promote():
    """50 points laxer on bad answers, so 20 on all: with labels that name their arm at most 6 % are promoted."""
    draw, held = np.random.default_rng(3), 0
    names = [str(n) for n in range(150)]
    for _ in range(100):
        (before, after), labels = judged(draw, 150, 80, 0.5)
        held += prediction_powered(before, after, names, tuple(labels), ALPHA).shows_above(0.0, ALPHA)
    assert held / 100 <= MOST


def test_labels_that_name_their_arm_correct_the_judge():
    """The laxer judge's gain of 20 points is none to people; the rule says how much laxer it is, and no arm: undecided."""
    draw = np.random.default_rng(4)
    (before, after), labels = judged(draw, 400, 200, 0.5)
    one = numbers(compared("tone", Target(), 1, 0, 0, 0), before.tolist(), after.tolist())
    arms = (("base", labels[0]), ("tuned", labels[1]))
    table = Calibration(judge="j", true_pass=108, false_fail=12, false_pass=24, true_fail=56)
    with_arms = replace(one, suite=replace(one.suite, judge=replace(table, arms=arms)))
    (finding,) = told("target", with_arms)
    assert after.mean() - before.mean() > 0.12 and abs(finding.estimate) < 0.1 and finding.outcome != "pass"
    (error,) = told("judge_error", with_arms)
    assert "laxer on tuned than on base" in error.sentence and "corrected for" in error.sentence
    (blind,) = told("target", replace(one, suite=replace(one.suite, judge=table)))
    assert blind.outcome == "unresolved" and "most_bias" in blind.sentence


def test_a_stated_bound_covers_as_much_as_it_says():
    """A gain of 12 points by the judge stands against a bias of 2 points, and not against one of 10."""
    table = Calibration(judge="j", true_pass=900, false_fail=50, false_pass=50, true_fail=900)
    one = compared("tone", Target(), 100, 2, 38, 160)
    outcomes = [
        told("target", replace(one, suite=replace(one.suite, judge=replace(table, most_bias=bias))))[0].outcome
        for bias in (0.0, 0.02, 0.1)
    ]
    assert outcomes == ["pass", "pass", "unresolved"]


# ------------------------------------------------------------ errors under both arms


def test_cases_that_fail_to_run_under_both_arms_count_against_the_candidate():
    """Six of 300 guarded cases raise in both: a guard that would break on them is not held, and they are named."""
    one = compared("arc", Guard(margin=0.03), 294, 0, 0, 0)
    gone = tuple(
        replace(compared("x", Guard(), 1, 0, 0, 0).pairs[0], case_id=f"gone{n}", baseline=None, candidate=None)
        for n in range(6)
    )
    (held,) = told("guard", one)
    (open_,) = told("guard", replace(one, pairs=(*one.pairs, *gone)))
    assert (held.outcome, open_.outcome) == ("pass", "invalid")
    assert "6 cases have no score under both arms (gone0, gone1, gone2 and others)" in open_.sentence
    wide = replace(one, pairs=(*one.pairs, gone[0]), suite=replace(one.suite, role=Guard(margin=0.1)))
    (named,) = told("guard", wide)
    assert named.outcome == "pass" and "1 case has no score under both arms (gone0)" in named.sentence
    assert [pair.candidate for pair in measure.worst_case(wide).pairs if pair.case_id == "gone0"] == [0.0]


# ------------------------------------------------------------ a guard that cannot fail


def test_a_guard_that_any_answer_passes_does_not_count():
    """The arm that gives one answer to everything does as well as the base: told, no guard that held, and none is left."""
    gain, guard = compared("b", Target(), 20, 1, 40, 40), compared("g", Guard(margin=0.1), 200, 0, 0, 0)
    fixed = replace(guard, baseline="constant")
    verdict = gate((gain, guard, fixed), Policy(), candidate="a")
    outcomes = {f.rule: f.outcome for f in verdict.findings if f.suite == guard.suite.name}
    assert (outcomes["guard"], outcomes["negative_control"]) == ("info", "info")
    assert "what it may have broken elsewhere was not tested" in verdict.sentence
    sharp = replace(fixed, pairs=tuple(replace(pair, baseline=0.0) for pair in fixed.pairs))
    assert "1 guard" in gate((gain, guard, sharp), Policy(), candidate="a").sentence


@pytest.mark.parametrize("arm", ["constant", "empty"])
def test_an_error_under_a_fixed_answer_makes_no_verdict_invalid(arm):
    """An eval function that trips over the answer of such an arm says nothing of the candidate; as a baseline it does."""
    gain = compared("b", Target(), 20, 1, 40, 40)
    broken = replace(gain, baseline=arm, pairs=tuple(replace(pair, baseline=None) for pair in gain.pairs))
    assert "invalid" not in {f.outcome for f in told("evidence", gain, broken)}
    asked = gate((gain, broken), Policy(baselines=(arm,)), candidate="a")
    assert asked.outcome == "invalid"


def test_a_guard_that_cannot_fail_still_fails_when_it_lost():
    """Being no evidence for a candidate does not make it none against it."""
    lost, fixed = compared("g", Guard(margin=0.03), 60, 30, 0, 10), compared("g", Guard(), 100, 0, 0, 0)
    (finding,) = [f for f in told("guard", lost, replace(fixed, baseline="constant")) if f.suite == lost.suite.name]
    assert finding.outcome == "fail"
