"""What an answer gets wrong is told by tool and argument where a call was wanted."""

import json

import pytest

from harness.core.differences import differences


def calls(*made):
    functions = [{"name": name, "arguments": json.dumps(arguments)} for name, arguments in made]
    return json.dumps({"role": "assistant", "tool_calls": [{"id": "c", "function": one} for one in functions]})


MOVE = {"name": "reschedule", "arguments": {"order": "AB-1", "day": "Friday"}}


@pytest.mark.parametrize(
    ("wanted", "answer", "told"),
    [
        ([MOVE], calls(("reschedule", {"order": "AB-1", "day": "Friday"})), []),
        (
            [MOVE],
            calls(("reschedule", {"order": "AB-1", "day": "Monday"})),
            ["reschedule.day: “Monday” instead of “Friday”"],
        ),
        ([MOVE], calls(("refund", {"order": "AB-1"})), ["refund instead of reschedule"]),
        ([MOVE], "What is your order number?", ["words instead of reschedule"]),
        (
            [MOVE],
            calls(("reschedule", {"day": "Friday", "order": "AB-1"}), ("refund", {})),
            ["refund instead of words"],
        ),
        (["find", MOVE], calls(("find", {"order": "x"})), ["words instead of reschedule"]),
    ],
)
def test_calls_differ_by_tool_or_argument(wanted, answer, told):
    """Call by call, in their order; a call that is missing stands beside words."""
    assert [str(one) for one in differences({"tool_calls": wanted}, answer)] == told
