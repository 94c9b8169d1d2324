"""What a judge's scores say once its own errors are counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from harness.evaluate.judging.labels import MISS, PERFECT, Agreement, agreement, needed, weakness, youden
from harness.gate.statistics.judged import SPENT, corrected
from harness.gate.statistics.paired import paired
from harness.gate.statistics.spending import spent
from harness.types import Calibration, Policy

GOOD = Calibration(most_bias=0.0, true_pass=180, false_fail=20, false_pass=10, true_fail=190)
"""A judge with sensitivity 0.9 and specificity 0.95 on 400 labels."""


def seen(broken, fixed, n):
    """Pass/fail scores with that many broken and fixed cases."""
    before = np.array([1.0] * broken + [0.0] * fixed + [1.0] * (n - broken - fixed))
    after = np.array([0.0] * broken + [1.0] * fixed + [1.0] * (n - broken - fixed))
    return lambda error: paired(before, after, [str(i) for i in range(n)], error)


@settings(max_examples=40)
@given(*[st.integers(1, 40)] * 4)
def test_kappa_agrees_with_sklearn(a, b, c, d):
    """Cohen's kappa of the table is the one of scikit-learn."""
    people, judge = [1] * (a + b) + [0] * (c + d), [1] * a + [0] * b + [1] * c + [0] * d
    table = Calibration(true_pass=a, false_fail=b, false_pass=c, true_fail=d)
    assert agreement(table).kappa == pytest.approx(cohen_kappa_score(people, judge))


def test_rogan_gladen_by_hand():
    """30 of 200 fixed is a gain of 15 points as judged; over J = 0.85 it is 17.6."""
    found = corrected(seen(0, 30, 200), GOOD, 0.05)
    assert found.estimate == pytest.approx(0.15 / 0.85)
    assert found.counts["judge_j"] == pytest.approx(0.85) and found.counts["judge_n"] == 400
    assert found.formula == "rogan_gladen_tango_exact"


def test_a_perfect_judge_costs_only_what_is_spent_on_not_knowing_it():
    """With many labels and no error the correction changes little, and never towards more certainty."""
    perfect = Calibration(most_bias=0.0, true_pass=100_000, true_fail=100_000)
    found, plain = corrected(seen(4, 6, 200), perfect, 0.05), seen(4, 6, 200)(0.05)
    assert found.interval.low == pytest.approx(plain.interval.low, abs=0.004)
    assert found.interval.low <= plain.interval.low and found.interval.high >= plain.interval.high
    assert found.above(-0.03) >= plain.above(-0.03)


def test_a_guard_takes_the_least_favourable_judge():
    """The same scores by a judge that sees less of a loss show less: the true loss may be larger than the seen one."""
    blunt = Calibration(most_bias=0.0, true_pass=150, false_fail=50, false_pass=50, true_fail=150)
    sharp, dull = (corrected(seen(3, 3, 300), table, 0.05) for table in (GOOD, blunt))
    assert dull.interval.low < sharp.interval.low and dull.interval.high > sharp.interval.high
    assert sharp.shows_above(-0.04, 0.05) and not dull.shows_above(-0.04, 0.05)
    assert dull.above(0.05) > sharp.above(0.05) - 1e-9


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (Calibration(), "never held against"),
        (Calibration(true_pass=50, false_fail=50, false_pass=50, true_fail=50), "kappa 0.00"),
        (Calibration(true_pass=190, false_fail=10, false_pass=9, true_fail=11), "fails 55% of the bad ones"),
        (Calibration(true_pass=4, true_fail=4), "8 labels do not show"),
    ],
)
def test_a_judge_that_is_not_known_to_be_good_decides_nothing(table, words):
    """No labels, no agreement, a blind side, or too few labels: nothing is shown, and it is said why."""
    found = corrected(seen(0, 60, 100), table, 0.05)
    assert words in found.weakness
    assert not found.shows_above(0.0, 0.05)


def test_the_set_of_j_holds_it_as_often_as_promised():
    """Over 400 calibrations the interval of J misses it in at most the promised share plus Monte Carlo error."""
    rng, missed = np.random.default_rng(2), 0
    for _ in range(400):
        good, bad = rng.binomial(60, 0.85), rng.binomial(60, 0.9)
        low, high = youden(Calibration(true_pass=good, false_fail=60 - good, true_fail=bad, false_pass=60 - bad), 0.1)
        missed += not low <= 0.75 <= high
    assert missed / 400 <= 0.1 + 2.33 * (0.09 / 400) ** 0.5


def test_every_bound_is_held_against_the_least_favourable_j():
    """A loss is stretched by the smallest J, a gain by the largest, on both sides; and a tenth of alpha is paid."""
    seen_at = seen(8, 20, 200)
    plain, found = seen_at(0.045), corrected(seen_at, GOOD, 0.05)
    least, most = youden(GOOD, 0.005)
    assert 0 < least < 0.85 < most < 1
    for bound, above, below in ((-0.1, least, most), (0.02, most, least), (0.1, most, least)):
        assert found.above(bound) == pytest.approx(min(1.0, plain.above(bound * above) + 0.005))
        assert found.below(bound) == pytest.approx(min(1.0, plain.below(bound * below) + 0.005))
    assert plain.interval.low > 0
    assert (found.interval.low, found.interval.high) == pytest.approx(
        (plain.interval.low / most, plain.interval.high / least)
    )
    assert found.interval.level == pytest.approx(0.9)
    across = corrected(seen(10, 10, 200), GOOD, 0.05).interval
    flat = seen(10, 10, 200)(0.045).interval
    assert (across.low, across.high) == pytest.approx((flat.low / least, flat.high / least))


def test_j_is_between_the_ends_of_both_rates():
    """Each rate has an exact interval that misses it with half the chance; the ends add up."""
    hits, refusals = binomtest(180, 200), binomtest(190, 200)
    one, other = (rate.proportion_ci(0.95, method="exact") for rate in (hits, refusals))
    assert youden(GOOD, 0.1) == pytest.approx((one.low + other.low - 1, one.high + other.high - 1), abs=1e-6)


def test_labels_of_one_kind_say_nothing_of_the_other():
    """Without any answer that people fail the specificity may be anything; rates and kappa of no labels are 0."""
    assert youden(Calibration(true_pass=50), 0.1)[0] < 0 < youden(Calibration(true_pass=50), 0.1)[1] == 1.0
    assert agreement(Calibration()) == Agreement(sensitivity=0.0, specificity=0.0, kappa=0.0, n=0)
    assert agreement(Calibration(true_pass=50)) == Agreement(sensitivity=1.0, specificity=0.0, kappa=0.0, n=50)
    assert youden(Calibration(true_fail=50), 0.1)[1] == 1.0


def test_a_difference_stays_on_the_scale():
    """More than everything cannot be gained or lost, however the judge errs."""
    all_fixed, all_broken = (corrected(seen(b, c, 60), GOOD, 0.05) for b, c in ((0, 60), (60, 0)))
    assert (all_fixed.estimate, all_fixed.interval.high) == (1.0, 1.0)
    assert (all_broken.estimate, all_broken.interval.low) == (-1.0, -1.0)
    assert all_fixed.above(0.99) <= 1.0


def test_a_judge_that_decides_nothing_leaves_the_figures_as_they_were():
    """Where nothing may be shown, estimate and interval are those of the judged scores, not stretched by a J of zero."""
    plain, found = seen(0, 60, 100)(0.045), corrected(seen(0, 60, 100), Calibration(), 0.05)
    assert (found.estimate, found.interval.low) == (plain.estimate, plain.interval.low)


def test_trial_and_gate_ask_for_the_same_labels():
    """What the trial says is what the gate says at its default error and first look: about twenty labels without an error."""
    assert pytest.approx(SPENT * spent(Policy().alpha, 1)) == MISS
    fewest = needed(PERFECT)
    assert fewest == 22
    for each, known in ((fewest // 2 - 1, False), (fewest // 2, True)):
        table = Calibration(true_pass=each, true_fail=each, most_bias=0.0)
        found = corrected(seen(0, 60, 100), table, spent(Policy().alpha, 1))
        assert (weakness(table) == "") == (found.weakness == "") == known


@pytest.mark.parametrize(("hits", "refusals"), [(9, 10), (8, 9), (9, 8)])
def test_the_labels_that_are_asked_for_are_enough(hits, refusals):
    """A judge with errors needs more; with its own rates on so many labels nothing is lacking."""
    table = Calibration(true_pass=hits, false_fail=10 - hits, true_fail=refusals, false_pass=10 - refusals)
    assert "do not show" in weakness(table)
    half = needed(table) // 2
    right, wrong = round(hits / 10 * half), round(refusals / 10 * half)
    more = Calibration(true_pass=right, false_fail=half - right, true_fail=wrong, false_pass=half - wrong)
    assert needed(table) > 22 and weakness(more) == ""
