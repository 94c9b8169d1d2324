"""What changed between two nights."""

from harness.curate.diff import difference
from harness.types import Case, Message, ToolCallPart
from tests.curate.traces import say


def case(number, answer="a"):
    return Case(id=str(number), messages=(say("user", f"q{number}"),), target=say("assistant", answer))


def test_added_removed_moved_and_changed_rows_are_told_apart():
    """Rows that stayed the same are not listed."""
    old = {"train": [case(1), case(2), case(3), case(4)], "held_out": []}
    new = {"train": [case(1), case(3, "b"), case(5)], "held_out": [case(4)]}
    found = difference(old, new)
    assert {item.case_id: item.kind for item in found.changes} == {
        "2": "removed",
        "3": "changed",
        "4": "moved",
        "5": "added",
    }
    assert found.counts == {"train": {"removed": 1, "changed": 1, "added": 1}, "held_out": {"moved": 1}}


def test_equal_datasets_do_not_differ():
    """Nothing to say of a night in which nothing came."""
    assert difference({"train": [case(1)]}, {"train": [case(1)]}).changes == ()


def test_another_tool_call_is_another_target():
    """A target without words is compared, and shown, by what it calls."""

    def calling(seats):
        part = ToolCallPart(id="1", name="book", arguments=f'{{"seats":{seats}}}')
        return Case(id="1", target=Message(role="assistant", parts=(part,)))

    (change,) = difference({"train": [calling(2)]}, {"train": [calling(3)]}).changes
    assert change.kind == "changed"
    assert "seats" in change.before and change.before != change.after
