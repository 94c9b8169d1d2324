"""What only a tool's own span tells is kept on the call that the tool ran for."""

import json

from harness.ingest.stage import ingest
from harness.types import ToolRun

SECOND = 10**9


def span(name, number, parent=0, failed=False, **held):
    attributes = [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in held.items()]
    return {
        "traceId": "a" * 32,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": name,
        "startTimeUnixNano": str(number * SECOND),
        "endTimeUnixNano": str(number * SECOND + SECOND // 2),
        "status": {"code": 2, "message": "no such order"} if failed else {},
        "attributes": attributes,
    }


def chat(number, *said, asked=(), parent=0):
    """A call of the GenAI conventions that answers with texts and tool calls `(id, name, arguments)`."""
    parts = [
        {"type": "text", "content": part}
        if isinstance(part, str)
        else {"type": "tool_call", "id": part[0], "name": part[1], "arguments": part[2]}
        for part in said
    ]
    given = [{"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]}, *asked]
    return span(
        "chat m",
        number,
        parent,
        gen_ai__operation__name="chat",
        gen_ai__input__messages=json.dumps(given),
        gen_ai__output__messages=json.dumps([{"role": "assistant", "parts": parts, "finish_reason": "stop"}]),
    )


def tool(number, name, result, id="", arguments="{}", **more):
    held = {"gen_ai__operation__name": "execute_tool", "gen_ai__tool__name": name}
    held |= {
        "gen_ai__tool__call__arguments": arguments,
        "gen_ai__tool__call__id": id,
        "gen_ai__tool__call__result": result,
    }
    return span(f"execute_tool {name}", number, **{key: value for key, value in held.items() if value}, **more)


def calls_of(tmp_path, *spans):
    path = tmp_path / "traces.json"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}))
    batches = list(ingest([str(path)], options={"redact": False}, workers=1))
    assert not any(batch.quarantined for batch in batches)
    return sorted((call for batch in batches for call in batch.calls), key=lambda call: call.start_ns)


def answered(id, result):
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": id, "response": result}]}


def test_a_result_that_a_later_call_was_given_is_not_kept_twice(tmp_path):
    """The messages tell it; only the second tool's result stands in its span alone."""
    made = {"role": "assistant", "parts": [{"type": "tool_call", "id": "a", "name": "find", "arguments": {"n": 1}}]}
    first, second = calls_of(
        tmp_path,
        chat(1, ("a", "find", {"n": 1})),
        tool(2, "find", "here", id="a"),
        chat(3, ("b", "refund", {"n": 1}), asked=[made, answered("a", "here")]),
        tool(4, "refund", "done", id="b"),
    )
    assert first.tool_runs == ()
    assert second.tool_runs == (ToolRun(id="b", name="refund", result="done", span_id=f"{4:016x}"),)


def test_tools_without_ids_belong_to_calls_by_name_and_arguments(tmp_path):
    """Two parallel calls of one tool, whose spans came the other way round, and one of another tool."""
    (call,) = calls_of(
        tmp_path,
        chat(1, ("a", "find", {"n": 1}), ("b", "find", {"n": 2}), ("c", "refund", {"n": 3})),
        tool(2, "find", "two", arguments='{"n": 2}'),
        tool(3, "find", "one", arguments='{"n": 1}'),
        tool(4, "refund", "three"),
    )
    assert [(run.id, run.result) for run in call.tool_runs] == [("b", "two"), ("a", "one"), ("c", "three")]


def test_a_tool_that_failed_is_told_by_its_status(tmp_path):
    """No result, and why."""
    (call,) = calls_of(tmp_path, chat(1, ("a", "find", {"n": 1})), tool(2, "find", "", id="a", failed=True))
    assert [(run.result, run.error) for run in call.tool_runs] == [(None, "no such order")]


def test_a_tool_whose_call_was_not_recorded_goes_to_the_call_before_it(tmp_path):
    """With its arguments, as no answer says them."""
    (call,) = calls_of(tmp_path, chat(1, "One moment"), tool(3, "find", "here", id="z", arguments='{"n": 7}'))
    assert [(run.id, run.arguments, run.result) for run in call.tool_runs] == [("z", '{"n":7}', "here")]


def test_a_tool_inside_which_an_agent_ran_is_kept_for_its_span(tmp_path):
    """Its result is told by the messages; the calls below it are of another run."""
    made = {"role": "assistant", "parts": [{"type": "tool_call", "id": "a", "name": "ask", "arguments": {}}]}
    first, inner, last = calls_of(
        tmp_path,
        chat(1, ("a", "ask", {})),
        tool(2, "ask", "here", id="a"),
        chat(3, "here", parent=2),
        chat(4, "It is here", asked=[made, answered("a", "here")]),
    )
    assert [(run.id, run.result, run.span_id) for run in first.tool_runs] == [("a", None, f"{2:016x}")]
    assert inner.above[0] == f"{2:016x}"
    assert last.tool_runs == ()


def test_a_result_of_ten_megabytes_is_kept_whole(tmp_path):
    """Neither cut nor rejected."""
    huge = "x" * 10 * 2**20
    (call,) = calls_of(tmp_path, chat(1, ("a", "find", {"n": 1})), tool(2, "find", huge, id="a"))
    assert call.tool_runs[0].result == huge


def test_thousands_of_tools_take_seconds(tmp_path):
    """Each is compared with the calls near it, not with all."""
    spans = [piece for at in range(1, 3000, 2) for piece in (chat(at, "no tool"), tool(at + 1, "find", "here"))]
    assert sum(len(call.tool_runs) for call in calls_of(tmp_path, *spans)) == 1500


def test_personal_data_in_a_tools_result_is_replaced(tmp_path):
    """As in the messages, before anything is stored; ids of calls and spans still fit."""
    path = tmp_path / "traces.json"
    spans = [chat(1, ("a", "find", {"n": 1})), tool(2, "find", "ada@example.org has it", id="a")]
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}))
    (batch, *_) = ingest([str(path)], workers=1)
    (call,) = batch.calls
    (run,) = call.tool_runs
    assert run.result.startswith("<EMAIL_") and run.result.endswith("> has it")
    assert (run.id, run.span_id, call.flags) == ("a", f"{2:016x}", ("redacted",))
