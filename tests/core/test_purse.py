"""What is spent, what still fits, and the stop before the cap."""

import pytest

from harness.core.purse import Purse
from harness.errors import CapError, Exit
from harness.types import CostSettings


def test_as_many_are_asked_as_fit():
    """What is paid counts, and the first that does not fit ends it; amounts are in the message."""
    purse = Purse(CostSettings(most=1.0, currency="EUR"))
    assert purse.covers("base", [0.3, 0.3, 0.3, 0.3]) == 1, "the first is asked alone"
    for _ in range(3):
        purse.pay_answers("base", [0.0], [0.3])
    assert purse.covers("base", [0.3, 0.3, 0.3, 0.3]) == 3
    purse.pay(0.6)
    assert purse.covers("base", [0.4]) == 1 and purse.rest().most == pytest.approx(0.4)
    with pytest.raises(CapError, match=r"cap of 1.00 EUR .*0.6 EUR is spent.*may cost 0.5 EUR") as raised:
        purse.covers("base", [0.5, 0.1])
    assert raised.value.exit is Exit.UNDECIDED and "raise it" in raised.value.next
    purse.pay(0.4)
    with pytest.raises(CapError):
        purse.rest()


def test_a_bound_that_an_answer_passed_is_raised():
    """By as much, for that arm; an answer of unknown cost counts as its bound."""
    purse = Purse(CostSettings(most=1.0))
    assert purse.pay_answers("base", [0.4, None], [0.1, 0.1]) == pytest.approx(0.5)
    assert purse.covers("base", [0.1, 0.1]) == 1 and purse.covers("other", [0.1, 0.1]) == 1
    purse.pay(0.11)
    with pytest.raises(CapError):
        purse.covers("base", [0.1])
    assert purse.covers("other", [0.1]) == 1


def test_the_time_of_a_machine_is_paid_by_the_pace_so_far():
    """Without a price a batch is asked whole; the second one is refused when at this pace it would not fit."""
    purse = Purse(CostSettings(most=1.0, machine_hour=3600.0))
    assert purse.covers("base", [None] * 8) == 8
    assert purse.pay_machine(0.8, "base", 8) == pytest.approx(0.8)
    assert purse.covers("base", [None] * 2) == 2
    with pytest.raises(CapError):
        purse.covers("base", [None] * 3)
    assert purse.covers("tuned", [None] * 3) == 3, "its pace is not known yet"


def test_a_training_stops_before_the_step_that_would_pass(monkeypatch):
    """Each step takes as long as the one before it; without a cap it is paid and goes on."""
    clock = iter([0.0, 0.4, 0.8, 1.2])
    monkeypatch.setattr("harness.core.purse.time.perf_counter", lambda: next(clock))
    purse = Purse(CostSettings(most=1.0, machine_hour=3600.0))
    step = purse.meter()
    step()
    with pytest.raises(CapError):
        step()
    assert purse.spent == pytest.approx(0.8)


def test_without_a_cap_nothing_is_refused():
    purse = Purse()
    purse.pay(1e9)
    assert purse.covers("base", [1.0, 2.0]) == 2 and purse.rest() == CostSettings()
