"""Trajectories are what the agents did: their steps, tools, arguments, results and outcomes, whatever recorded them."""

import json
from pathlib import Path

import pytest

from harness.core import feedback_scale
from harness.core.link_feedback import link
from harness.core.trajectories import trajectories
from harness.ingest.stage import ingest
from harness.mine.stage import by_call
from harness.mine.traffic import Traffic
from tests.agents import ToolResult, answer, call, step, used

FIXTURES = Path(__file__).parents[1] / "fixtures"
RUNS = Path(__file__).parents[3] / "shared" / "traces" / "tau_bench" / "gpt-4o-airline.json.gz"

WEATHER = ("get_weather", {"city": "Leiden", "unit": "°C"})
TIME = ("get_time", {"city": "Delft"})
ORDER, ETA = ("get_order_status", {"order_id": "A-1042"}), ("get_shipping_eta", {"zip": "10115", "express": True})
SHIPPED = '{"status": "shipped", "carrier": "DHL"}'
PLAIN = [[(*WEATHER, "9 degrees"), (*TIME, "noon")], []]
ONE_TOOL = [[(*WEATHER, '{"temp": 0}')], []]
TWO_TOOLS = [[(*WEATHER, '{"temp": 0}'), (*TIME, '{"temp": 1}')], []]
NINE = [[(*WEATHER, "9 degrees"), (*TIME, "9 degrees")], []]
SHOP = [
    [[(*ORDER, SHIPPED)], []],
    [[(*ORDER, '{"ok": true, "tool": "get_order_status"}'), (*ETA, '{"ok": true, "tool": "get_shipping_eta"}')], []],
    [[(*ORDER, '{"status":"shipped"}')], []],
]
EXPECTED = {
    "traffic/openinference-langchain_0.1.80": [PLAIN, PLAIN],
    "traffic/openinference-openai-agents_2.6.0": [PLAIN, PLAIN],
    "traffic/openinference-smolagents_0.1.43": [
        [
            [("get_order", {"order_id": "A-1042"}, "shipped")],
            [("final_answer", {"answer": "Order A-1042 has shipped."}, "Order A-1042 has shipped.")],
        ]
    ],
    "traffic/langfuse-langchain_5.0.4": [PLAIN, PLAIN],
    "exports/langfuse-sdk_5.0.4.collector.jsonl.gz": SHOP,
    "traffic/langsmith-langchain_0.15.1": [PLAIN, PLAIN],
    "exports/langsmith_0.15.0_wrap-openai.*": SHOP,
    "exports/mlflow_3.17.2_openai-autolog.to_json.jsonl.gz": SHOP,
    "traffic/mlflow-skinny_3.1.4": [ONE_TOOL, TWO_TOOLS, TWO_TOOLS, NINE],
    "exports/logfire_5.2.0_instrument-openai.traces.jsonl.gz": SHOP,
    "traffic/logfire_5.4.0": [ONE_TOOL, TWO_TOOLS, TWO_TOOLS, NINE],
    "traffic/pydantic-ai_2.68.0_v5": [PLAIN],
    "traffic/pydantic-ai_1.5.0_v1-attributes": [PLAIN],
    "traffic/semantic-kernel_1.45.0": [[[("shop-get_order", {"order_id": "A-1042"}, "shipped")], []]],
    "traffic/vercel-ai_5.0.277": [[[(*WEATHER, '{"temp":9}'), (*TIME, '{"temp":9}')], []]] * 2,
    "exports/phoenix_20.26.1.spans_dataframe.jsonl.gz": SHOP,
    "exports/otel-genai-openai_1.3b0_SPAN_ONLY.traces.jsonl.gz": SHOP,
    "traffic/traceloop-langchain_0.62.4": [PLAIN, PLAIN],
}
"""Recorded export to its runs of several steps in which a tool was used; each step with tools, arguments and results."""


def read(*paths):
    """The runs of some files, in order of time."""
    batches = list(ingest([str(path) for path in paths], options={"redact": False}, workers=1))
    calls = [found for batch in batches for found in batch.calls]
    said = by_call(feedback_scale.read(link(calls, [item for batch in batches for item in batch.feedback])))
    return [run for session in Traffic(calls).sessions() for run in trajectories(session, said)]


def exported(name):
    paths = sorted(FIXTURES.glob(name))
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    return read(*(file for file in files if file.name != "ledger.json.gz"))


def plain(run):
    return [[(use.name, json.loads(use.arguments), use.result) for use in step.tools] for step in run.steps]


@pytest.mark.parametrize("name", EXPECTED)
def test_runs_of_real_exports_have_their_steps_tools_arguments_and_results(name):
    """The same runs whoever recorded them."""
    runs = [run for run in exported(name) if len(run.steps) > 1 and any(step.tools for step in run.steps)]
    assert [plain(run) for run in runs] == EXPECTED[name]
    assert all("results_missing" not in run.flags for run in runs)


def test_a_history_that_each_call_repeats_is_there_once():
    """Five messages of two calls that were given two and four of them; the results of parallel calls each once."""
    run = next(run for run in exported("traffic/openinference-openai-agents_2.6.0") if len(run.steps) > 1)
    roles = [message.role for message in run.messages]
    assert roles == ["system", "user", "assistant", "tool", "tool", "assistant"]
    assert [step.at for step in run.steps] == [2, 5]


@pytest.mark.parametrize(
    "name",
    [
        "exports/langsmith_0.15.0_wrap-openai.*",
        "exports/mlflow_3.17.2_openai-autolog.to_json.jsonl.gz",
        "exports/otel-genai-openai_1.3b0_SPAN_ONLY.*",
    ],
)
def test_the_outcome_is_what_the_feedback_on_the_run_says(name):
    """The run with one tool was praised; the next two with tools were not rated."""
    runs = [run for run in exported(name) if len(run.steps) > 1 and run.steps[0].tools]
    assert [run.outcome for run in runs] == [1.0, None, None]
    assert runs[0].succeeded and not runs[0].failed


def test_results_that_only_a_tools_span_holds_are_kept():
    """smolagents tells the model what a tool said in words of its own; the tool's span has the value."""
    run = next(run for run in exported("traffic/openinference-smolagents_0.1.43") if len(run.steps) > 1)
    assert [use.told_by for step in run.steps for use in step.tools] == ["span", "span"]


@pytest.mark.skipif(not RUNS.is_file(), reason="the shared agent runs are not here")
def test_runs_of_tau_bench_end_as_they_were_rewarded():
    """Two hundred runs of one trace each, 84 rewarded; every call of a tool but the last of a run has its result."""
    runs = read(RUNS)
    assert (len(runs), sum(run.succeeded for run in runs), sum(run.failed for run in runs)) == (200, 84, 116)
    assert all(len(run.trace_ids) == 1 and not run.flags for run in runs)
    assert {run.outcome_by for run in runs} == {"reward"}


def lines(tmp_path, *rows):
    path = tmp_path / "session.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def claude(number, kind, content, above=None, **more):
    ids = {"uuid": f"u{number}", "parentUuid": above and f"u{above}", "sessionId": "s", "type": kind}
    message = {"role": kind, "content": content, **more}
    return {**ids, "timestamp": f"2026-08-01T00:00:{number:02}Z", "message": message}


def test_a_claude_code_session_is_one_run_and_its_subagent_another(tmp_path):
    """The subagent's lines begin a conversation of their own; the session goes on after its result."""
    use = {"type": "tool_use", "id": "t1", "name": "Task", "input": {"prompt": "Read a"}}
    inner = {"type": "tool_use", "id": "t2", "name": "Read", "input": {"path": "a"}}
    path = lines(
        tmp_path,
        claude(1, "user", "Tell me about a"),
        claude(2, "assistant", [use], 1, id="m1", model="claude-x", stop_reason="tool_use"),
        claude(3, "user", "Read a"),
        claude(4, "assistant", [inner], 3, id="m2", model="claude-x", stop_reason="tool_use"),
        claude(5, "user", [{"type": "tool_result", "tool_use_id": "t2", "content": "text of a"}], 4),
        claude(6, "assistant", [{"type": "text", "text": "It is short."}], 5, id="m3", model="claude-x"),
        claude(7, "user", [{"type": "tool_result", "tool_use_id": "t1", "content": "It is short."}], 2),
        claude(8, "assistant", [{"type": "text", "text": "a is short."}], 7, id="m4", model="claude-x"),
    )
    assert [plain(run) for run in read(path)] == [
        [[("Task", {"prompt": "Read a"}, "It is short.")], []],
        [[("Read", {"path": "a"}, "text of a")], []],
    ]


def test_a_codex_session_is_one_run_of_several_turns(tmp_path):
    """Two requests of the user; the second turn has no tools."""

    def item(second, **payload):
        return {"timestamp": f"2026-08-01T00:00:{second:02}Z", "type": "response_item", "payload": payload}

    def said(second, role, text):
        kind = "input_text" if role == "user" else "output_text"
        return item(second, type="message", role=role, content=[{"type": kind, "text": text}])

    path = lines(
        tmp_path,
        {"timestamp": "2026-08-01T00:00:00Z", "type": "session_meta", "payload": {"id": "s1"}},
        said(1, "user", "Fix it"),
        item(2, type="function_call", call_id="c", name="shell", arguments='{"cmd": "ls"}'),
        item(3, type="function_call_output", call_id="c", output="a.py"),
        said(4, "assistant", "Done"),
        said(5, "user", "Thanks, anything left?"),
        said(6, "assistant", "No"),
    )
    (run,) = read(path)
    assert plain(run) == [[("shell", {"cmd": "ls"}, "a.py")], [], []]
    assert [step.turn for step in run.steps] == [1, 1, 2]


def adk_span(name, start, parent="", **held):
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in held.items()]
    ids = {"traceId": "a" * 32, "spanId": f"{start:016x}", "parentSpanId": parent}
    return {**ids, "name": name, "startTimeUnixNano": str(start * 10**9), "endTimeUnixNano": str(start * 10**9 + 5)} | {
        "attributes": attributes
    }


def test_a_run_of_the_agent_development_kit_keeps_the_result_of_its_last_tool(tmp_path):
    """Its tool spans wrap the result in an event; no later call was given this one."""
    asked = {"model": "gemini-x", "contents": [{"role": "user", "parts": [{"text": "Where is A-1?"}]}]}
    made = {"content": {"role": "model", "parts": [{"function_call": {"name": "find_order", "args": {"id": "A-1"}}}]}}
    event = {"content": {"parts": [{"function_response": {"name": "find_order", "response": {"result": "lost"}}}]}}
    spans = [
        adk_span(
            "call_llm",
            1,
            **{"gcp.vertex.agent.llm_request": json.dumps(asked), "gcp.vertex.agent.llm_response": json.dumps(made)},
        ),
        adk_span(
            "execute_tool find_order",
            2,
            **{
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "find_order",
                "gcp.vertex.agent.tool_call_args": '{"id": "A-1"}',
                "gcp.vertex.agent.tool_response": json.dumps(event),
                "gcp.vertex.agent.llm_request": "{}",
                "gcp.vertex.agent.llm_response": "{}",
            },
        ),
    ]
    path = lines(tmp_path, {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
    (run,) = read(path)
    assert plain(run) == [[("find_order", {"id": "A-1"}, '{"result":"lost"}')]]
    assert run.steps[0].tools[0].told_by == "span"


def test_parallel_calls_answered_out_of_order_get_their_own_results():
    """By id, though the results came the other way round; a third that came a turn later is found too."""
    first = call(1, answer(("find", {"id": 1}), ("find", {"id": 2}), ("find", {"id": 3})))
    second = call(2, answer("Two of three are here."), after=first, results=["two", "one"], ids=["1-1", "1-0"])
    third = call(3, answer("All are here."), after=second, results=["three"], ids=["1-2"])
    (run,) = trajectories([first, second, third])
    assert [use.result for use in run.steps[0].tools] == ["one", "two", "three"]


def test_a_run_goes_on_over_steps_that_were_not_recorded():
    """The second of three calls is missing: what it said is in the history of the third, and the run says so."""
    first = call(1, answer(("find", {"id": 1})))
    second = call(2, answer(("find", {"id": 2})), after=first, results=["one"])
    third = call(3, answer("Here they are."), after=second, results=["two"])
    (run,) = trajectories([first, third])
    assert run.call_ids == (first.id, third.id)
    assert run.flags == ("spans_missing",)
    assert run.steps[0].tools[0].result == "one"
    assert [message.role for message in run.messages] == ["user", "assistant", "tool", "assistant", "tool", "assistant"]


def test_a_result_that_nobody_recorded_is_told_apart_from_an_empty_one():
    """None where the trace does not tell, the empty text where the tool said nothing."""
    first = call(1, answer(("find", {"id": 1})))
    second = call(2, answer(("find", {"id": 2})), after=first, results=[""])
    third = call(3, answer("?"), after=second, results=["two"])
    (whole,) = trajectories([first, second, third])
    assert [use.result for step in whole.steps for use in step.tools] == ["", "two"]
    (alone,) = trajectories([first])
    assert [(use.result, use.told_by) for use in used(alone)] == [(None, "")]


def test_an_agent_inside_an_agents_tool_is_a_run_with_its_parent():
    """Three levels of the same agent: each run begins inside the tool of the one above."""
    outer = step(1, answer(("solve", {"part": 1})), runs=[("1-0", "solve", "tool-1")])
    middle = step(
        2, answer(("solve", {"part": 2})), asked="part 1", above=("tool-1",), runs=[("2-0", "solve", "tool-2")]
    )
    inner = step(3, answer("2"), asked="part 2", above=("tool-2", "tool-1"))
    runs = {run.id: run for run in trajectories([outer, middle, inner])}
    assert [runs[found.id].parent for found in (outer, middle, inner)] == ["", outer.id, middle.id]


def test_arguments_that_are_no_json_and_huge_results_are_kept_as_they_are():
    """Broken arguments are evidence; ten megabytes of a result are neither cut nor parsed twice."""
    huge = json.dumps({"rows": ["x" * 1000] * 10_000})
    first = call(1, answer(("find", '{"id": 1')))
    second = call(2, answer("ok"), after=first, results=[huge])
    (run,) = trajectories([first, second])
    assert [(use.arguments, use.result == huge, use.refused) for use in used(run)] == [('{"id": 1', True, False)]


def test_a_call_made_again_after_an_error_is_a_step_of_the_same_run():
    """The question stands once among the messages; the first try has no answer."""
    failed = call(1, None)
    again = call(2, answer("Hello"))
    (run,) = trajectories([failed, again])
    assert [step.at for step in run.steps] == [-1, 1]
    assert (len(run.messages), run.flags) == (2, ("calls_failed",))


def test_two_conversations_of_one_session_stay_two_runs():
    """They have different questions, though both were answered alike."""
    first, other = call(1, answer("Done")), call(2, answer("Done"), asked="Another question")
    assert [run.call_ids for run in trajectories([first, other])] == [(first.id,), (other.id,)]


def test_results_without_ids_belong_to_calls_by_place():
    """Gemini gives its tool calls no ids."""
    first = call(1, answer(("find", {"id": 1}), ("find", {"id": 2}), ids=False))
    second = call(2, answer("ok"), after=first, results=[ToolResult("one"), ToolResult("two")])
    (run,) = trajectories([first, second])
    assert [use.result for use in used(run)] == ["one", "two"]


def test_ids_that_each_turn_uses_again_are_told_apart():
    """Both turns name their call `call_0`."""
    first = call(1, answer(("find", {"id": 1}), ids=["call_0"]))
    second = call(2, answer(("find", {"id": 2}), ids=["call_0"]), after=first, results=["one"], ids=["call_0"])
    third = call(3, answer("ok"), after=second, results=["two"], ids=["call_0"])
    (run,) = trajectories([first, second, third])
    assert [use.result for use in used(run)] == ["one", "two"]
