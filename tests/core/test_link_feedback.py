"""Which call feedback on a trace, a session or a span is about."""

import pytest

from harness.core.link_feedback import link
from harness.types import Call, Feedback, Message, TextPart, ToolCallPart


def text(words, role="assistant"):
    return Message(role=role, parts=(TextPart(text=words),))


def call(number, reply="an answer", system="You are the shop's assistant.", **fields):
    """The calls of one trace follow each other; `reply` None: nothing was recorded."""
    known = {
        "id": f"t:{number}",
        "trace_id": "t",
        "span_id": str(number),
        "session_id": "s",
        "start_ns": number * 10,
        "end_ns": number * 10 + 5,
        "above": ("root",),
        "input": (text(system, "system"), text("where is my parcel", "user")),
        "output": (text(reply),) if reply is not None else (),
    }
    return Call(**{**known, **fields})


def found(calls, **about):
    (record,) = link(calls, [Feedback(id="f", correction="Better", **{"trace_id": "t", **about})])
    return record.call_id, record.linked, record.correction


TOOLS = (Message(role="assistant", parts=(ToolCallPart(name="find", arguments="{}"),)),)


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([call(1)], ("t:1", "only")),
        ([call(1), call(2, reply=None)], ("t:1", "only")),  # never one without content
        ([call(1), call(2, purpose="title")], ("t:1", "only")),
        ([call(1, purpose="guard"), call(2, purpose="router"), call(3)], ("t:3", "only")),
        ([call(1, purpose="title")], ("t:1", "only")),  # unless that is all there is
        ([call(1, output=TOOLS), call(2)], ("t:2", "only")),  # a step that only called a tool
        ([call(1), call(2)], ("t:2", "last")),  # two turns of one agent
        ([call(1, answers=("root",)), call(2, system="Other prompt")], ("t:1", "answer")),
        ([call(1, answers=("root",), purpose="router"), call(2)], ("t:1", "answer")),  # what was returned tells more
        ([call(1), call(2, system="Other prompt")], ("t:2", "ambiguous")),
        ([call(1), call(2, start_ns=12, end_ns=20)], ("t:2", "ambiguous")),  # at the same time
        ([call(1, start_ns=0, end_ns=0), call(2, start_ns=0, end_ns=0)], ("t:2", "ambiguous")),
    ],
)
def test_feedback_on_a_trace_finds_the_call_that_answered(calls, expected):
    """The call whose output was returned, else the last that could have been; an ambiguous correction is not taken."""
    call_id, how, correction = found(calls)
    assert (call_id, how) == expected
    assert correction == (None if how == "ambiguous" else "Better")


def test_feedback_on_a_span_stays_below_it():
    """Calls at any depth below the span, and what that span returned, not its trace."""
    inner = call(1, above=("agent", "root"), answers=("agent",))
    other = call(2, above=("agent", "root"), system="Other prompt")
    outer = call(3)
    assert found([inner, other, outer], span_id="agent", call_id="t:agent")[:2] == ("t:1", "answer")
    assert found([inner, outer], span_id="agent", call_id="t:agent")[:2] == ("t:1", "only")


def test_the_outermost_span_above_all_of_them_decides():
    """What a side branch returned to its own chain is not what the trace returned."""
    title = call(2, above=("titles", "root"), answers=("titles",))
    answer = call(1, above=("chain", "root"), answers=("chain", "root"))
    assert found([answer, title])[:2] == ("t:1", "answer")
    assert found([call(1, above=("chain", "root")), title])[:2] == ("t:2", "last")


def test_feedback_between_two_turns_is_on_the_first():
    """Calls that ended after it was given are not meant."""
    assert found([call(1), call(2)], at_ns=17)[:2] == ("t:1", "only")


def test_feedback_on_a_session_is_on_its_last_trace():
    """And there on the answer, even when a title was written in a trace of its own."""
    calls = [call(1), call(2, id="u:2", trace_id="u"), call(3, id="v:3", trace_id="v", purpose="title")]
    assert found(calls, trace_id="", session_id="s")[:2] == ("u:2", "only")


def test_an_exact_id_goes_before_everything():
    """A thumb on the title itself is on the title."""
    assert found([call(1), call(2, purpose="title")], span_id="2", call_id="t:2") == ("t:2", "exact", "Better")
    assert found([call(1, response_id="r"), call(2)], response_id="r", trace_id="")[:2] == ("t:1", "response")


def test_what_links_to_nothing_keeps_its_correction():
    """It joins when its call comes."""
    assert found([], trace_id="x") == ("", "", "Better")
