"""Weekdays that differ are expected to, and those that do not are left alone."""

import numpy as np
import pytest

from harness.gate.statistics.weekdays import WEEK, WEEKS, exposures

DAYS = 70


def shares(up, rng, share=0.1):
    """Events of 1,000 calls a day, `up` more on one day of the week."""
    return rng.binomial(1000, share * (1 + up * (np.arange(DAYS) % WEEK == 2)), (8, DAYS)).astype(float)


def factors(events):
    return exposures(events, np.full(events.shape, 1000.0)) / 1000


def test_a_busy_weekday_is_expected_to_be():
    """A Monday with half as much again is a factor of 1.4 over the mean of its week, which the Monday is part of."""
    found = factors(shares(0.5, np.random.default_rng(1)))[:, 42:]
    monday = np.arange(42, DAYS) % WEEK == 2
    assert found[:, monday].mean() == pytest.approx(1.5 * 7 / 7.5, abs=0.05)
    assert found[:, ~monday].mean() == pytest.approx(7 / 7.5, abs=0.02)


def test_weekdays_that_do_not_differ_are_hardly_changed():
    """Chance alone moves single shares by 10 %."""
    assert np.abs(factors(shares(0.0, np.random.default_rng(2))) - 1).mean() < 0.02


def test_nothing_is_expected_before_three_weeks():
    """Two weeks agree by chance."""
    assert (factors(shares(0.5, np.random.default_rng(3)))[:, : WEEKS * WEEK] == 1).all()


def test_a_share_of_nearly_all_keeps_room_for_its_events():
    """Events never exceed the trials they are of."""
    events = np.where(np.arange(DAYS) % WEEK == 2, 100.0, 990.0)[None]
    events[0, 44] = 995
    trials = np.full(events.shape, 1000.0)
    assert (exposures(events, trials) >= events).all()


def test_shares_without_news_are_left_alone():
    """Nothing ever, and nobody there."""
    nothing = np.zeros((2, DAYS))
    assert (exposures(nothing, np.array([[10.0], [0.0]]) * np.ones(DAYS)) == [[10.0], [0.0]] * np.ones(DAYS)).all()
