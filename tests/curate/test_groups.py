"""What has to stand on one side."""

from harness.curate.groups import Groups, form
from harness.curate.rows import CallRow, RowTarget
from tests.curate.traces import call, say


def row(number, text, **fields):
    target = RowTarget(message=say("assistant", "{}"), source="correction", expected={})
    return CallRow(call=call(number, text, **fields), conversation=(say("user", text),), target=target, failed=True)


def test_near_duplicates_templates_and_sessions_are_grouped():
    """One letter, one number or one session apart: one group."""
    rows = [
        row(0, "could I have a table near the window tonight"),
        row(1, "could I have a table near the windows tonight"),
        row(2, "order 1234 has not come"),
        row(3, "order 99 has not come"),
        row(4, "do you take cards", session_id="s"),
        row(5, "what about my dog", session_id="s"),
        row(6, "nothing of the kind"),
    ]
    assert form(rows, threshold=0.8) == [[0, 1], [2, 3], [4, 5], [6]]


def test_short_answers_and_heavy_users_do_not_chain_everything():
    """ "4" and "13" share a mask, one guest shares every topic: neither makes a group."""
    rows = [row(0, "4", user_id="u"), row(1, "13", user_id="u"), row(2, "yes", user_id="u")]
    assert form(rows, threshold=0.8) == [[0], [1], [2]]
    assert form(rows, threshold=0.8, by_user=True) == [[0, 1, 2]]


def test_joining_does_not_depend_on_order():
    """The smallest member names the group, whichever was joined first."""
    first, second = Groups(4), Groups(4)
    for left, right in [(3, 2), (2, 1)]:
        first.join(left, right)
    for left, right in [(1, 2), (3, 1)]:
        second.join(left, right)
    assert [first.find(item) for item in range(4)] == [second.find(item) for item in range(4)] == [0, 1, 1, 1]
