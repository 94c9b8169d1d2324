"""Whole groups are set aside, up to a size, in a draw that is the same each time."""

import pytest

from harness.core.set_aside import by_hash, group_of, set_aside, shuffled
from harness.types import Case


def cases(count: int, group: str = "group") -> list[Case]:
    """Groups of one, two and three cases in turn."""
    return [Case(id=f"c{n:03}", **{group: f"g{n // 6}-{(n % 6 + 2) // 3}" if n % 2 else ""}) for n in range(count)]


@pytest.mark.parametrize("draw", [by_hash(17, "x"), shuffled(17)])
@pytest.mark.parametrize("field", ["group", "session_id"])
def test_no_group_stands_on_both_sides(draw, field):
    """Near-duplicates and sessions stay together, no case is lost, and the limit is kept."""
    every = cases(90, field)
    rest, aside = set_aside(every, 20, draw)
    assert 0 < len(aside) <= 20 and sorted(case.id for case in rest + aside) == [case.id for case in every]
    assert not {group_of(case) for case in rest} & {group_of(case) for case in aside}
    assert (rest, aside) == set_aside(every, 20, draw)


def test_a_group_that_is_too_large_stays():
    """It is passed over, and smaller ones after it are taken."""
    every = [Case(id=f"big{n}", group="big") for n in range(5)] + [Case(id="small")]
    rest, aside = set_aside(every, 4, sorted)
    assert [case.id for case in aside] == ["small"] and len(rest) == 5


def test_a_hash_draw_keeps_its_choice_when_cases_are_added():
    """What was set aside by hash is set aside again in a larger set, as far as there is room."""
    few = [Case(id=f"c{n}") for n in range(50)]
    before = {case.id for case in set_aside(few, 10, by_hash(1))[1]}
    after = {case.id for case in set_aside([*few, *(Case(id=f"d{n}") for n in range(5))], 11, by_hash(1))[1]}
    assert len(before & after) >= 6
