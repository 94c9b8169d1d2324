"""Detectors of agents' runs find what went wrong, name the step, and leave good runs alone."""

from pathlib import Path

import pytest

from benchmarks import mine_agents
from harness.core import codec, feedback_scale
from harness.ingest.stage import ingest, link
from harness.mine.detectors import (
    gave_up,
    missing_tool,
    too_many_steps,
    tool_error,
    tool_loop,
    unneeded_question,
    wrong_arguments,
    wrong_tool,
)
from harness.mine.run_norms import NOTHING, learn_from
from harness.mine.stage import by_call, mine
from harness.mine.window import Window, runs_of
from tests.agents import answer, call, step
from tests.curate.traces import thumb

RUNS = Path(__file__).parents[4] / "shared" / "traces" / "tau_bench" / "gpt-4o-airline.json.gz"
FOUND, MISSING = '{"state": "lost"}', '{"error": "no such order"}'


def conversation(*turns, trace="t", **more):
    """Calls of one run: each turn is an answer, the results of its tools, and what the user says then."""
    calls, before, results, user = [], None, [], ""
    for number, (said, *rest) in enumerate(turns, start=1):
        made = call(
            number, said, after=before, results=results, user=user, **({} if before else {"trace_id": trace, **more})
        )
        calls.append(made)
        before, results, user = made, rest[0] if rest else [], rest[1] if len(rest) > 1 else ""
    return calls


def window(calls, said=(), successes=NOTHING):
    feedback = by_call(feedback_scale.read(said))
    return Window(calls=tuple(calls), feedback=feedback, runs=runs_of(calls, feedback), successes=successes)


def found(detector, *args, **more):
    return [(failure.call_id, failure.reason) for failure in detector.detect(window(*args, **more))]


def succeeded(*conversations):
    """What successful runs of these conversations show."""
    return learn_from(
        run for calls in conversations for run in runs_of(calls, by_call(feedback_scale.read([thumb(calls[-1].id, 1)])))
    )


def test_a_loop_is_named_at_its_first_needless_call():
    """Three times the same call with the same result; not when the result changes, as it does for one that waits."""
    find = answer(("find", {"id": 1}))
    circle = conversation((find, [FOUND]), (find, [FOUND]), (find, [FOUND]), (answer("Lost."),))
    assert found(tool_loop, circle) == [("t:0002", "find was called 3 times with the same arguments and said the same")]
    waits = conversation((find, ["1 %"]), (find, ["50 %"]), (find, [FOUND]), (answer("Lost."),))
    assert found(tool_loop, waits) == []


def test_a_call_that_good_runs_make_often_is_no_loop():
    """Twenty successful runs ask the carrier four times."""
    ask = (answer(("carrier", {"id": 1})), ["pending"])
    good = [conversation(ask, ask, ask, ask, (answer("It comes."),), trace=f"g{n}") for n in range(20)]
    assert found(tool_loop, good[0], successes=succeeded(*good)) == []
    assert found(tool_loop, good[0]) != []


def test_wrong_arguments_are_known_by_the_call_that_the_tool_took():
    """The refused call is the wrong step, and what changed is said; a tool that was down proves nothing."""
    right, wrong = answer(("find", {"id": "P-1"})), answer(("find", {"id": "1"}))
    mended = conversation((wrong, [MISSING]), (right, [FOUND]), (answer("Lost."),))
    reason = "find: id was 1, then P-1, after find turned the first call down"
    assert found(wrong_arguments, mended) == [("t:0001", reason)]
    down = conversation((wrong, ['{"error": "timeout"}']), (right, [FOUND]), (answer("Lost."),))
    assert found(wrong_arguments, down) == []
    assert [failure.environment for failure in tool_error.detect(window(down))] == [True]


def test_wrong_arguments_are_known_by_the_tools_schema_where_it_did_not_take_them():
    """A tool that took them all the same has the last word; arguments that are no JSON are broken whatever it says."""
    schema = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    tools = ({"type": "function", "function": {"name": "find", "parameters": schema}},)
    wrong = answer(("find", {"order": 1}))
    refused = conversation((wrong, [MISSING]), (answer("Sorry."),), tools=tools)
    assert found(wrong_arguments, refused) == [
        ("t:0001", "the arguments of find break its schema: 'id' is a required property")
    ]
    assert found(wrong_arguments, conversation((wrong, [FOUND]), (answer("Lost."),), tools=tools)) == []
    broken = conversation((answer(("find", '{"id": ')), [MISSING]), (answer("Sorry."),), tools=tools)
    assert found(wrong_arguments, broken) == [
        ("t:0001", "the arguments of find break its schema: they are no JSON object")
    ]


def test_a_schema_that_is_none_is_no_evidence():
    """A broken schema, or one that refers to nowhere, says nothing of the call."""
    for schema in ({"type": "nonsense"}, {"$ref": "#/nowhere"}):
        tools = ({"type": "function", "function": {"name": "find", "parameters": schema}},)
        calls = conversation((answer(("find", {"id": 1})), [MISSING]), (answer("Sorry."),), tools=tools)
        assert found(wrong_arguments, calls) == []


def test_a_failed_run_is_compared_with_successes_that_had_the_same_history():
    """Two successes refunded where this run sent it again: the first step that differs is named; ids and texts of the end do
    not matter. A run that nobody blamed is not compared."""
    look = (answer(("find", {"id": 1})), [FOUND])
    good = [
        conversation(look, (answer(("refund", {"id": 1})), ["done"]), (answer("Done."),), trace=trace) for trace in "ab"
    ]
    bad = conversation(look, (answer(("send", {"id": 1})), ["done"]), (answer("On its way."),), trace="c")
    successes = succeeded(*good)
    reason = "it called send; refund was called in a run that succeeded after the same history"
    assert found(wrong_tool, bad, [thumb(bad[-1].id, -1)], successes) == [("c:0002", reason)]
    assert found(wrong_tool, bad, (), successes) == []
    alone = succeeded(good[0])
    assert found(wrong_tool, bad, [thumb(bad[-1].id, -1)], alone) == [], "one run may have had its own way"


def test_a_correction_tells_the_wrong_tool_from_wrong_arguments():
    """A correction with another tool, and one with the same tool."""

    def chat(name, arguments):
        function = {"name": name, "arguments": arguments}
        return {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": function}]}

    calls = conversation((answer(("send", {"id": 1})), ["done"]), (answer("On its way."),))
    other, same = thumb("t:0001", -1, chat("refund", '{"id": 1}')), thumb("t:0001", -1, chat("send", '{"id": 2}'))
    assert found(wrong_tool, calls, [other]) == [("t:0001", "it called send; refund was called")]
    assert found(wrong_arguments, calls, [same]) == [("t:0001", "send: id was 1, then 2")]
    assert found(wrong_tool, calls, [same]) == []


@pytest.mark.parametrize(
    "said",
    ["Error: Unknown tool 'lookup'", "lookup is not a valid tool, try one of [find].", "Error: Tool lookup not found"],
)
def test_a_tool_that_does_not_exist_is_the_wrong_tool(said):
    """In the words of several frameworks."""
    result = said if said.startswith("Error") else f'{{"error": "{said}"}}'
    calls = conversation((answer(("lookup", {"id": 1})), [result]), (answer("Sorry."),))
    assert found(wrong_tool, calls) == [("t:0001", "there is no tool lookup")]


def test_a_tool_that_all_successes_call_is_missed():
    """Sixty runs notified the person; the last step of the one that did not is named. Forty-nine would not be enough."""
    notify = (answer(("find", {"id": 1})), [FOUND]), (answer(("notify", {})), ["sent"]), (answer("Done."),)
    good = [conversation(*notify, trace=f"g{n}", asked=f"Where is {n}?") for n in range(60)]
    quiet = conversation(notify[0], (answer("Done."),), trace="c", asked="Where is 99?")
    reason = "notify was never called; nearly all of 60 successful runs call it"
    assert found(missing_tool, quiet, successes=succeeded(*good)) == [("c:0002", reason)]
    assert found(missing_tool, quiet, successes=succeeded(*good[:48])) == []
    assert found(missing_tool, good[0], successes=succeeded(*good)) == []


def test_a_failed_run_misses_what_all_successes_on_its_request_called():
    """Three successes on the same words; a run that was not blamed is left alone."""
    refund = (answer(("refund", {"id": 1})), ["done"]), (answer("Done."),)
    good = [conversation(*refund, trace=trace, asked="Money back, please.") for trace in "abd"]
    bad = conversation(
        (answer(("find", {"id": 1})), [FOUND]), (answer("Lost."),), trace="c", asked="Money back, please."
    )
    reason = "refund was never called; all successful runs on the same request call it"
    assert found(missing_tool, bad, [thumb(bad[-1].id, -1)], succeeded(*good)) == [("c:0002", reason)]
    assert found(missing_tool, bad, (), succeeded(*good)) == []


def test_giving_up_needs_a_tool_that_refused_or_the_words_of_a_limit():
    """An apology alone is no giving up, nor is one after the call was mended."""
    find = answer(("find", {"id": 1}))
    gives_up = conversation((find, [MISSING]), (answer("I could not find your order."),))
    assert found(gave_up, gives_up) == [("t:0002", "it gave up after find turned its call down")]
    mended = conversation((find, [MISSING]), (find, [FOUND]), (answer("Unfortunately it is lost."),))
    assert found(gave_up, mended) == []
    stopped = conversation((find, [FOUND]), (answer("Agent stopped due to iteration limit or time limit."),))
    assert found(gave_up, stopped) == [("t:0002", "it reached its limit of steps")]


def test_handing_over_to_a_person_is_giving_up_where_the_run_failed():
    """Or where no successful run does it; the trace may end with the call."""
    calls = conversation((answer(("find", {"id": 1})), [FOUND]), (answer(("transfer_to_human_agents", {})),))
    assert found(gave_up, calls) == []
    blamed = [thumb(calls[-1].id, -1)]
    assert found(gave_up, calls, blamed) == [("t:0002", "it handed over by transfer_to_human_agents")]


def test_a_question_for_what_was_said_before_was_not_needed():
    """The person only repeats the number; a question to confirm, a choice and a new fact are fine."""
    look = (answer(("find", {"id": 1})), ['{"order": "P-77"}'])
    needless = conversation(look, (answer("Which order is it?"), [], "It is P-77."), (answer("Lost."),))
    assert found(unneeded_question, needless) == [("t:0002", "it asked for p-77, which had been said before")]
    for question, reply in (
        ("Shall I refund it?", "Yes, P-77 please."),
        ("Is it P-77 or P-78?", "P-77"),
        ("Which order is it?", "It is P-99."),
        ("Which order is it?", "The blue one."),
    ):
        calls = conversation(look, (answer(question), [], reply), (answer("Lost."),))
        assert found(unneeded_question, calls) == []


def test_a_run_far_longer_than_the_successful_ones_is_hinted_at():
    """Twenty of two steps: the inner fence is four steps."""
    find = answer(("find", {"id": 1}))
    good = [conversation((find, [FOUND]), (answer("Lost."),), trace=f"g{n}") for n in range(20)]
    long = conversation(*[(answer(("find", {"id": n})), [FOUND]) for n in range(5)], (answer("Lost."),), trace="c")
    assert found(too_many_steps, long, successes=succeeded(*good)) == [
        ("c:0005", "it took 6 steps; far out begins at 4 here")
    ]
    assert too_many_steps.HINT and unneeded_question.HINT


def test_an_error_that_only_a_tools_span_tells_is_found():
    """The message of the next call does not say that it failed."""
    from harness.types import ToolRun

    failed = call(1, answer(("find", {"id": 1})), tool_runs=(ToolRun(id="1-0", name="find", error="KeyError: id"),))
    assert found(tool_error, [failed]) == [("t:0001", "the tool find said: KeyError: id")]


def test_a_praised_end_makes_the_steps_before_it_pass():
    """Steps of the same turn that no tool refused; not those of a run that was blamed, nor of another turn."""
    find, wrong = answer(("find", {"id": 1})), answer(("find", {"id": 2}))
    calls = conversation(
        (answer(("hello", {})), ["hi"]),
        (answer("Hello."), [], "Where is it?"),
        (wrong, [MISSING]),
        (find, [FOUND]),
        (answer("Lost."),),
    )
    assert mine(calls, [thumb("t:0005", 1)]).passed == ("t:0004", "t:0005")
    assert mine(calls, [thumb("t:0005", 1), thumb("t:0002", -1)]).passed == ("t:0005",)


def test_steps_without_a_session_belong_to_the_run_of_their_trace():
    """Many agents are traced without a session: the refused call is found all the same."""
    wrong, right = answer(("find", {"id": "1"})), answer(("find", {"id": "P-1"}))
    calls = conversation((wrong, [MISSING]), (right, [FOUND]), (answer("Lost."),), session_id="")
    assert {(failure.call_id, failure.detector) for failure in mine(calls, []).failures} == {
        ("t:0001", "tool_error"),
        ("t:0001", "wrong_arguments"),
    }


def test_an_agent_inside_a_tool_is_mined_as_a_run_of_its_own():
    """Its loop is not laid to the agent above it."""
    outer = step(1, answer(("solve", {})), runs=[("1-0", "solve", "tool-1")])
    find = answer(("find", {"id": 1}))
    first = call(2, find, asked="part", above=("tool-1",))
    second = call(3, find, after=first, results=[FOUND], above=("tool-1",))
    third = call(4, find, after=second, results=[FOUND], above=("tool-1",))
    last = call(5, answer("Lost."), after=third, results=[FOUND], above=("tool-1",))
    assert [call_id for call_id, _ in found(tool_loop, [outer, first, second, third, last])] == ["t:0003"]


def test_planted_failures_are_found_and_good_runs_are_left_alone():
    """Every detector finds nine in ten of its own, and at most 2 % of the good runs are flagged, hints among them."""
    result = mine_agents.measured(360, 1)
    assert result.false_alarms <= mine_agents.BOUND
    assert result.hinted <= mine_agents.BOUND
    assert min(result.recall[name] for name in mine_agents.FAULTS) >= 0.9
    assert all(first in ("–", "1.000") for *_, first in result.rows)


@pytest.mark.slow
@pytest.mark.skipif(not RUNS.is_file(), reason="the shared agent runs are not here")
def test_successful_runs_of_tau_bench_are_left_alone():
    """Of 84 rewarded runs the new detectors fail one: in which a tool took a changed call only."""
    batches = list(ingest([str(RUNS)], options={"redact": False}))
    calls = [item for batch in batches for item in batch.calls]
    mined = mine(calls, list(link(calls, [item for batch in batches for item in batch.feedback])))
    rewarded = {item.call_id for batch in batches for item in batch.feedback if item.value == 1}
    flagged = {
        failure.call_id
        for failure in mined.failures
        if failure.detector in mine_agents.FAULTS and failure.call_id in rewarded
    }
    assert len(flagged) == 1
    assert sum(failure.detector == "gave_up" for failure in mined.failures) == 13


@pytest.mark.parametrize(
    "arguments",
    ['{"a": "\\ud800"}', '{"id": 123456789012345678901234567890}', f'{{"a": {"[" * 900}{"]" * 900}}}', "{", ""],
)
def test_arguments_of_any_kind_are_mined(arguments):
    """Half a surrogate pair, a huge number, a deep nest, no JSON: whatever is said of the run, its failures can be stored."""
    made = answer(("find", arguments))
    calls = conversation(
        (made, [MISSING]), (made, [MISSING]), (answer(("find", {"id": 1})), [FOUND]), (answer("Lost."),)
    )
    other = {"id": "1", "type": "function", "function": {"name": "find", "arguments": '{"a": "\\udfff"}'}}
    for said in ([], [thumb("t:0004", 1)], [thumb("t:0001", -1, {"role": "assistant", "tool_calls": [other]})]):
        mined = mine(calls, said)
        assert codec.encode(mined.failures)
        assert {failure.call_id for failure in mined.failures if failure.detector == "wrong_arguments"} >= {"t:0001"}
