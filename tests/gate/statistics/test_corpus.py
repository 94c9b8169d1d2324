"""Macro-F1 and its like, of two arms on the same cases."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score

from harness.gate.statistics import corpus
from harness.gate.statistics.corpus import paired_corpus

LABELS = ("book", "cancel", "ask")


def cases(n, wrong_before, wrong_after):
    """`n` cases of three labels in turn; the first so many are wrong under each arm."""
    wanted = [LABELS[i % 3] for i in range(n)]
    said = lambda i, wrong: LABELS[(i + 1) % 3] if i < wrong else wanted[i]  # noqa: E731
    return [((wanted[i], said(i, wrong_before), said(i, wrong_after)),) for i in range(n)]


def alone(n):
    return [f"c{i}" for i in range(n)]


@pytest.mark.filterwarnings("ignore:y_pred contains classes:UserWarning")  # labels that nobody expected are the point
@settings(max_examples=25)
@given(st.lists(st.tuples(*[st.sampled_from(LABELS)] * 2), min_size=12, max_size=40), st.booleans())
def test_measures_agree_with_sklearn(rows, f1):
    """The measure of one arm is the one of scikit-learn over the labels that are expected."""
    table = [((wanted, said, wanted),) for wanted, said in rows]
    found = corpus._Rows(table, alone(len(rows)))
    measure = corpus.macro_f1 if f1 else corpus.balanced_accuracy
    ours = float(found.values(measure, np.ones((1, len(rows))))[0, 0])
    assume(len({wanted for wanted, _ in rows}) > 1)
    wanted, said = zip(*rows, strict=True)
    labels = sorted(set(wanted))
    theirs = (
        f1_score(wanted, said, labels=labels, average="macro", zero_division=0)
        if f1
        else balanced_accuracy_score(wanted, said)
    )
    assert ours == pytest.approx(theirs)


def test_the_difference_is_counted_again_in_each_resample():
    """A clear loss is below zero as a whole, its estimate is the difference of both measures, and arms swapped mirror."""
    found = paired_corpus(cases(90, 0, 30), alone(90), "macro_f1", 0.05)
    assert found.estimate == pytest.approx(-1 / 3, abs=0.01)
    assert found.shows_below(0.0, 0.05) and not found.shows_above(-0.2, 0.05)
    mirrored = paired_corpus(cases(90, 30, 0), alone(90), "macro_f1", 0.05)
    assert mirrored.interval.low == pytest.approx(-found.interval.high, abs=0.02)
    assert (found.counts["b"], mirrored.counts["c"]) == (30, 30)


def test_no_difference_is_not_certainty():
    """Cases that never differ still leave an interval of about three of the rarest label's cases."""
    found = paired_corpus(cases(300, 30, 30), alone(300), "macro_f1", 0.05)
    assert found.estimate == 0.0
    assert -0.03 < found.interval.low < -0.005 and found.interval.high > 0.005
    assert not found.shows_above(-0.001, 0.05) and found.shows_above(-0.05, 0.05)


def test_whole_clusters_are_drawn():
    """Thirty cases that move as ten clusters say less than thirty that move alone."""
    table = cases(90, 0, 30)
    wide = paired_corpus(table, [str(i // 3) for i in range(90)], "macro_f1", 0.05).interval
    narrow = paired_corpus(table, alone(90), "macro_f1", 0.05).interval
    assert wide.high - wide.low > 1.2 * (narrow.high - narrow.low)


def test_what_cannot_be_resampled_is_not_judged():
    """Fewer than ten clusters, or a label with fewer than five cases, have no honest interval."""
    assert "9 clusters" in paired_corpus(cases(90, 0, 30), [str(i % 9) for i in range(90)], "macro_f1", 0.05).weakness
    rare = [*cases(60, 0, 9), *((("odd", "odd", "odd"),) for _ in range(4))]
    assert "4 cases of the label 'odd'" in paired_corpus(rare, alone(64), "macro_f1", 0.05).weakness


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_order_and_names_change_nothing(random):
    """Shuffled cases and renamed clusters give the very same evidence."""
    table = cases(45, 4, 9)
    order = list(range(45))
    random.shuffle(order)
    one = paired_corpus(table, [str(i // 2) for i in range(45)], "macro_f1", 0.05)
    other = paired_corpus([table[i] for i in order], [f"x{99 - i // 2}" for i in order], "macro_f1", 0.05)
    assert other.interval.low == pytest.approx(one.interval.low, abs=1e-12)


def test_repeats_share_one_case():
    """Three repeats that agree are one case, not three."""
    once = paired_corpus(cases(60, 3, 9), alone(60), "macro_f1", 0.05)
    thrice = paired_corpus([case * 3 for case in cases(60, 3, 9)], alone(60), "macro_f1", 0.05)
    assert thrice.interval.low == pytest.approx(once.interval.low, abs=1e-12)


def test_interval_and_p_value_say_the_same():
    """Just outside an end the p value is at most alpha, at the end it is more; two-sided level 1 - 2 alpha."""
    found = paired_corpus(cases(90, 6, 12), alone(90), "macro_f1", 0.05)
    low, high = found.interval.low, found.interval.high
    assert found.interval.level == pytest.approx(0.9)
    assert found.above(low - 1e-6) <= 0.05 <= found.above(low)
    assert found.below(high + 1e-6) <= 0.05 <= found.below(high)
    assert found.above(1.0) == found.below(-1.0) == 1.0
    assert found.gain() == found.above(0.0)


def test_a_smaller_error_is_resolved_by_more_resamples():
    """At least five resamples lie beyond each end, whatever error is asked for, and the interval is the wider for it."""
    wide, usual = (paired_corpus(cases(90, 0, 30), alone(90), "macro_f1", alpha) for alpha in (5e-4, 0.05))
    assert -1.0 < wide.interval.low < usual.interval.low
    assert wide.above(wide.interval.low - 1e-9) <= 5e-4


def test_the_rarest_labels_cases_give_the_degrees_of_freedom():
    """Ten cases of the rarest label: Student's quantile of 9 degrees over the normal one; of clusters, whichever is fewer."""
    rare = [*cases(60, 3, 6), *((("odd", "odd", "odd"),) for _ in range(10))]
    assert corpus._Rows(rare, alone(70)).stretch(0.05) == pytest.approx(1.8331 / 1.6449, abs=1e-3)
    assert corpus._Rows(rare, [str(i % 11) for i in range(70)]).stretch(0.05) == pytest.approx(
        1.8331 / 1.6449, abs=1e-3
    )
    assert corpus._Rows(cases(90, 3, 6), [str(i % 9) for i in range(90)]).stretch(0.05) == pytest.approx(
        1.8595 / 1.6449, abs=1e-3
    )
    assert corpus._Rows(cases(90, 3, 6), alone(90)).counts == {"b": 3, "c": 0}
