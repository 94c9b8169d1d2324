"""pass^k and pass@k: unbiased, and between what they must be between."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.repeats import joined, strictness, tries
from harness.errors import UsageError


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9, 1.0])
def test_the_estimators_are_unbiased(k, rate):
    """Over all outcomes of four tries that pass at a known rate, the mean is p^k and 1 - (1 - p)^k."""
    means = {"^": 0.0, "@": 0.0}
    for outcome in product((0.0, 1.0), repeat=4):
        chance = rate ** sum(outcome) * (1 - rate) ** (4 - sum(outcome))
        for sign in means:
            means[sign] += chance * joined(outcome, f"pass{sign}{k}")
    assert means["^"] == pytest.approx(rate**k)
    assert means["@"] == pytest.approx(1 - (1 - rate) ** k)


@given(scores=st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=12), data=st.data())
def test_they_are_shares_and_fall_and_rise_with_k(scores, data):
    """pass^k falls with k from the mean, pass@k rises from it; both stay in 0 to 1."""
    mean = joined(scores)
    k = data.draw(st.integers(1, len(scores)))
    assert joined(scores, "pass^1") == pytest.approx(mean) == joined(scores, "pass@1")
    assert 0.0 <= joined(scores, f"pass^{k}") <= mean + 1e-12
    assert mean - 1e-12 <= joined(scores, f"pass@{k}") <= 1.0


def test_a_repeat_passes_at_full_score_only():
    """Half marks are no pass."""
    assert joined([1.0, 0.5], "pass@2") == 1.0 and joined([1.0, 0.5], "pass^2") == 0.0


def test_too_few_repeats_say_nothing():
    """Neither do none."""
    assert joined([1.0], "pass^2") is None and joined([], "") is None


@pytest.mark.parametrize("across", ["pass^0", "pass", "pass^-1", "mean", "pass^2.5", "pass^ 2"])
def test_other_ways_are_refused(across):
    """With what to write."""
    with pytest.raises(UsageError, match="not joined"):
        tries(across)


def test_more_tries_that_must_pass_ask_for_more():
    """The gate's bar is lowered by fewer tries, and by more chances."""
    assert strictness("pass^4") > strictness("pass^2") > strictness("") > strictness("pass@4")
