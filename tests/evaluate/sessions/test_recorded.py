"""Tools that answer from a recording: which call is which, and what comes of one that is not there."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.core.codec import from_chat
from harness.errors import InputError, UsageError
from harness.evaluate.sessions.recorded import UNSEEN, likeness, normal, recorded
from harness.evaluate.sessions.tool import ToolRefused
from harness.types import Case

TRACE = [
    {"role": "user", "content": "Refund 7"},
    {
        "role": "assistant",
        "tool_calls": [
            {"id": "a", "function": {"name": "find", "arguments": '{"order": "7", "city": "Köln"}'}},
            {"id": "b", "function": {"name": "find", "arguments": '{"order": "8"}'}},
        ],
    },
    {"role": "tool", "tool_call_id": "b", "content": "eight"},
    {"role": "tool", "tool_call_id": "a", "content": "seven, late"},
    {"role": "assistant", "tool_calls": [{"function": {"name": "refund", "arguments": '{"amount": 2.0}'}}]},
    {"role": "tool", "content": "done"},
    {"role": "assistant", "tool_calls": [{"function": {"name": "find", "arguments": '{"order": "8"}'}}]},
    {"role": "tool", "content": "eight again"},
    {"role": "assistant", "content": "Done."},
]


def tools_of(case, **options):
    return {tool.name: tool for tool in recorded(case, **options)}


@pytest.fixture
def case():
    return Case(id="c1", fields={"trace": TRACE})


def test_results_are_found_by_name_and_normalised_arguments(case):
    """Key order, outer space, nulls, 2 for 2.0 and composed letters make no difference; results go by id, else by place."""
    found = tools_of(case)
    assert found["find"].call({"city": " Ko\u0308ln ", "order": "7", "limit": None}) == "seven, late"
    assert found["refund"].call({"amount": 2}) == "done"
    with pytest.raises(ToolRefused):
        found["find"].call({"order": 7})


def test_a_call_that_was_recorded_twice_gets_its_results_in_order(case):
    """What an order was before and after the refund; the last result again from then on. Each case begins anew."""
    for _ in range(2):
        find = tools_of(case)["find"]
        assert [find.call({"order": "8"}) for _ in range(3)] == ["eight", "eight again", "eight again"]


def test_an_unseen_call_is_an_error_to_the_model_and_is_counted(case):
    """The default; every tool of the recording counts into one tally."""
    found = tools_of(case)
    for name, args in (("find", {"order": "9"}), ("refund", {"amount": 3})):
        with pytest.raises(ToolRefused, match="recorded"):
            found[name].call(args)
    assert found["find"].tally == {UNSEEN: 2}


def test_the_nearest_recording_answers_where_the_eval_file_says_so(case):
    """The same tool's most similar call; a tool that was never called has none."""
    found = tools_of(case, unseen="nearest", tools=[{"name": "find"}, {"name": "cancel"}])
    assert found["find"].call({"order": "7", "city": "Koln"}) == "seven, late"
    assert found["find"].tally == {UNSEEN: 1, "calls answered by the nearest recording": 1}
    with pytest.raises(ToolRefused):
        found["cancel"].call({})


def test_a_function_may_answer_unseen_calls(case):
    """As a simulator does: it gets the recording, the name and the arguments."""
    found = tools_of(case, unseen=lambda recording, name, args: [name, args, len(recording.of(name))])
    assert found["find"].call({"order": "9"}) == ["find", {"order": "9"}, 3]


def test_a_case_without_a_trace_is_replayed_from_its_messages():
    """A mined case holds its history; a list of plain calls is a recording too."""
    by_messages = tools_of(Case(id="c", messages=tuple(map(from_chat, TRACE))))
    assert by_messages["refund"].call({"amount": 2}) == "done"
    plain = tools_of(Case(id="c", fields={"trace": [{"name": "f", "arguments": {"a": 1}, "result": {"b": 2}}]}))
    assert plain["f"].call({"a": 1}) == '{"b":2}'
    assert plain["f"].definition["function"]["parameters"]["properties"] == {"a": {"type": "number"}}


def test_what_cannot_be_replayed_is_refused():
    """No calls and no definitions, a definition without a name, and an unknown way to answer."""
    with pytest.raises(InputError, match="no tool call is recorded"):
        recorded(Case(id="c"))
    with pytest.raises(InputError, match="not a tool"):
        recorded(Case(id="c"), tools=[{"nme": "f"}])
    with pytest.raises(UsageError, match="unseen"):
        recorded(Case(id="c"), unseen="guess")


def test_a_broken_trace_costs_only_what_it_lacks():
    """Results without a call, calls without a result, and arguments that are no JSON are passed over."""
    rows = [
        {"role": "tool", "content": "orphan"},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{broken"}}]},
        {"role": "tool", "content": "for broken"},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": '{"a": 1}'}}]},
        {"role": "tool", "content": "one"},
    ]
    found = tools_of(Case(id="c", fields={"trace": rows}))
    assert found["f"].call({"a": 1}) == "one"
    with pytest.raises(ToolRefused):
        found["f"].call({})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(value=VALUES, other=VALUES)
@example(value=None, other=float("inf"))
def test_normalising_is_settled_and_likeness_is_a_share(value, other):
    """A normal form is its own normal form; likeness is 1 for equals alone, and never leaves 0 to 1."""
    assert normal(normal(value)) == normal(value)
    assert likeness(normal(value), normal(value)) == 1.0
    assert 0.0 <= likeness(normal(value), normal(other)) <= 1.0


def test_a_recorded_session_runs_to_its_end(case, playing, calling, words):
    """The model under test takes another way than production did; the unseen call is in the notes of its result."""
    model = playing(calling(("find", {"order": "9"}), ("find", {"order": "8"})), words("Done"))
    run = model.session("Refund 7", recorded(case)).play()
    assert [step.refused for step in run.steps] == [True, False] and run.steps[1].result == "eight"
    assert model.notes() == (f"{UNSEEN}: 1",)


def test_a_result_that_json_has_not_is_text():
    """A tool of Python may have returned infinity or no number; the case opens all the same."""
    row = {"name": "rate", "arguments": {}, "result": {"high": math.inf, "low": [math.nan, 1.5]}}
    (tool,) = recorded([row])
    assert json.loads(tool.call({})) == {"high": "inf", "low": ["nan", 1.5]}
