"""A group lands on one side, and stays there for ever."""

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.curate.groups import form
from harness.curate.options import CurateOptions
from harness.curate.rows import CallRow, RowTarget
from harness.curate.splits import EVALUATED, JOINED, assign, new_marks
from tests.curate.traces import call, order, say

OPTIONS = CurateOptions()


def row(number, text, failed=True, **fields):
    target = RowTarget(message=say("assistant", "{}"), source="correction", expected={})
    return CallRow(call=call(number, text, **fields), conversation=(say("user", text),), target=target, failed=failed)


def split(rows, sticky, options=OPTIONS):
    return assign(rows, form(rows, threshold=0.8), sticky, options)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), min_size=4, max_size=30), st.integers(1, 29))
def test_what_was_held_out_never_trains_on_a_later_night(drawn, cut):
    """Nights grow, sessions and texts join: no row whose call, text or session was held out is trained on."""
    rows = [row(at, order(text)[0], session_id=f"s{session}") for at, (text, session) in enumerate(drawn)]
    sticky = {}
    for night in (rows[:cut], rows):
        sides = split(night, sticky)
        for item, side in zip(night, sides, strict=True):
            if side == "train":
                assert not {sticky.get(mark) for mark in item.marks}.intersection(EVALUATED)
        sticky |= new_marks(night, sides, sticky)


def test_a_group_keeps_its_side_when_the_share_changes():
    """The ledger goes before the draw."""
    rows = [row(number, order(number)[0]) for number in range(40)]
    before = split(rows, {})
    sticky = new_marks(rows, before, {})
    assert split(rows, sticky, CurateOptions(held_out_share=0.9)) == before
    assert split(rows, {}, CurateOptions(held_out_share=0.9)) != before


def test_the_held_out_side_wins_when_groups_join():
    """A session that ties a trained row to a held-out one takes the trained row out of training."""
    trained, held, new = (row(at, order(at)[0], session_id="both") for at in range(3))
    sticky = {trained.marks[0]: "train", held.marks[0]: "held_out"}
    assert split([trained, held, new], sticky) == [JOINED, "held_out", "held_out"]


def test_failures_are_held_out_and_passing_calls_guard():
    """On the evaluated side a failed row can show a fix, a passing row a break."""
    rows = [row(0, order(0)[0]), row(1, order(1)[0], failed=False)]
    assert split(rows, {}, CurateOptions(held_out_share=1.0, regression_share=1.0)) == ["held_out", "regression"]


def test_by_time_the_newest_failures_are_held_out():
    """With `held_out_by` time the evaluated rows are later than all training rows."""
    rows = [row(number, order(number)[0]) for number in range(50)]
    sides = split(rows, {}, CurateOptions(held_out_by="time"))
    last_trained = max(at for at, side in enumerate(sides) if side == "train")
    first_held = min(at for at, side in enumerate(sides) if side == "held_out")
    assert last_trained < first_held
    assert 12 <= sides.count("held_out") <= 15


def test_the_sample_of_production_is_drawn_by_call_and_never_trains():
    """Failed and passed calls alike, about the stated share, the same under other labels, and kept on later nights."""
    options = CurateOptions(production_share=0.2)
    rows = [row(number, order(number)[0], failed=number % 3 == 0) for number in range(400)]
    turned = [row(number, order(number)[0], failed=number % 3 != 0) for number in range(400)]
    sides, other = split(rows, {}, options), split(turned, {}, options)
    drawn = {at for at, side in enumerate(sides) if side == "production"}
    assert drawn == {at for at, side in enumerate(other) if side == "production"}
    assert 50 <= len(drawn) <= 110
    assert {rows[at].failed for at in drawn} == {True, False}
    assert "production" not in split(rows, {})
    sticky = new_marks(rows, sides, {})
    assert [side == "production" for side in split(rows, sticky)] == [side == "production" for side in sides]


def test_what_was_trained_or_held_out_before_does_not_join_the_sample():
    """The ledger goes before a share that was raised since."""
    rows = [row(number, order(number)[0]) for number in range(100)]
    before = split(rows, {})
    assert split(rows, new_marks(rows, before, {}), CurateOptions(production_share=0.9)) == before
