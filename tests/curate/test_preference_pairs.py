"""Preference pairs and what they would teach besides."""

import json

import pytest
from msgspec.structs import replace

from harness.core.replies import unwritten, written
from harness.curate.preference_pairs import CERTAIN, pairs
from harness.types import Case, Message, TextPart, ToolCallPart
from tests.curate.traces import say


def called(name, arguments):
    part = ToolCallPart(id="call_1", name=name, arguments=json.dumps(arguments))
    return Message(role="assistant", parts=(TextPart(text=""), part))


def case(number, chosen, rejected, text="a question"):
    return Case(id=str(number), messages=(say("user", text),), target=say("assistant", chosen), rejected=rejected)


def test_pairs_that_teach_nothing_are_left_out_and_counted():
    """No failing answer, the same answer in other case, the question echoed back."""
    found = pairs([case(1, "yes", "no"), case(2, "yes", None), case(3, "Yes.", "yes"), case(4, "A question?", "no")])
    assert [item.id for item in found.cases] == ["1"]
    assert found.left_out == {"echo": 1, "identical": 1, "no_rejected": 1}


def test_length_bias_is_measured_and_told():
    """Chosen answers twice as long as rejected ones are a warning; equal lengths are none."""
    longer = [case(n, "x" * (60 + n % 5), "y" * (30 + n % 7)) for n in range(20)]
    level = [case(n, "x" * (30 + n % 5), "y" * (30 + n % 5)) for n in range(20)]
    assert pairs(longer).length_bias > 2
    assert "longer" in pairs(longer).warnings[0]
    assert (pairs(level).length_bias, pairs(level).warnings) == (0.0, ())


def test_cohens_d_is_that_of_the_textbook():
    """Means 4 and 2, both variances 1: d is 2."""
    found = pairs([case(1, "abc", "z"), case(2, "vwxyz", "qrs")])
    assert found.length_bias == pytest.approx(2.0)


def test_a_failing_tool_call_is_the_rejected_side():
    """Of a call that should have been another; the same call under another id is no pair."""
    right, wrong = called("find", {"city": "Bonn"}), called("find", {"city": "Rome"})
    asked = case(1, "", written(wrong))
    (kept,) = pairs([replace(asked, target=right)]).cases
    assert unwritten(kept.rejected) == wrong
    again = replace(right, parts=(replace(right.tool_calls[0], id="call_9"),))
    assert pairs([replace(asked, target=right, rejected=written(again))]).left_out == {"identical": 1}


@pytest.mark.parametrize(
    "text", ['{"role": "assistant", "tool_calls": ["x"]}', '{"role": "assistant", "content": "a"}']
)
def test_a_failing_text_that_looks_like_a_message_stays_text(text):
    assert unwritten(text).text == text


@pytest.mark.parametrize(("chosen", "rejected", "sign"), [(9, 5, 1), (5, 9, -1), (7, 7, 0)])
def test_lengths_that_never_vary_tell_the_sides_apart(chosen, rejected, sign):
    """All preferred answers have one length and all rejected another: nothing could teach length more plainly."""
    found = pairs([case(n, str(n) * chosen, "xyz"[n % 3] * rejected) for n in range(1, 9)])
    assert found.length_bias == sign * CERTAIN
    assert bool(found.warnings) == bool(sign)
