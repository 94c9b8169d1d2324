"""The survey of runs names the first step that went wrong, and says where the trace does not tell it."""

import json

from click.testing import CliRunner

from harness.cli.main import cli
from harness.core import codec
from harness.mine.runs import survey_runs
from harness.mine.stage import mine
from tests.agents import answer, call
from tests.curate.traces import thumb

FOUND, MISSING = '{"state": "lost"}', '{"error": "no such order"}'


def found(number, *results, said="Lost."):
    """A run that looks an order up, once for each result."""
    calls = [
        call(
            number,
            answer(("find", {"id": f"P-{number}"})),
            trace_id=f"t{number}",
            session_id="",
            asked=f"Where is P-{number}?",
        )
    ]
    for place, result in enumerate(results):
        made = answer(("find", {"id": f"P-{number}.{place}"})) if place + 1 < len(results) else answer(said)
        calls.append(call(number + place + 1, made, after=calls[-1], results=[result]))
    return calls


def surveyed(calls, feedback=()):
    return survey_runs(calls, feedback, mine(calls, feedback))


def test_the_first_wrong_step_is_named_and_good_runs_are_counted_only():
    """A changed call tells the first of three steps; a blamed run without a sign has none; a praised one is not listed."""
    changed, blamed, praised = found(10, MISSING, FOUND), found(20, FOUND), found(30, FOUND)
    result = surveyed([*changed, *blamed, *praised], [thumb(blamed[-1].id, -1), thumb(praised[-1].id, 1)])
    assert (result.runs, result.steps, result.succeeded, result.failed) == (3, 7, 1, 1)
    first, second = result.wrong
    assert (first.wrong_step, first.call_id, first.steps, first.tools) == (1, changed[0].id, 3, ("find", "find"))
    assert first.reason == "find: id was P-10, then P-10.0, after find turned the first call down"
    assert (second.wrong_step, second.call_id, second.outcome, second.reason) == (0, "", 0.0, "")


def test_calls_without_tools_are_no_runs():
    """A chat is not listed, whatever was said of it."""
    chat = call(1, answer("Hello."))
    assert surveyed([chat], [thumb(chat.id, -1)]).runs == 0


def otlp(calls):
    def message(said):
        parts = [
            {"type": "tool_call", "id": part.id, "name": part.name, "arguments": json.loads(part.arguments)}
            if hasattr(part, "arguments")
            else {"type": "tool_call_response", "id": part.id, "response": part.content}
            if hasattr(part, "content")
            else {"type": "text", "content": part.text}
            for part in said.parts
        ]
        return {"role": said.role, "parts": parts, "finish_reason": "stop"}

    def span(number, made):
        held = {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": json.dumps([message(said) for said in made.input]),
            "gen_ai.output.messages": json.dumps([message(said) for said in made.output]),
        }
        attributes = [{"key": key, "value": {"stringValue": value}} for key, value in held.items()]
        ids = {"traceId": made.trace_id.ljust(32, "0").replace("t", "a"), "spanId": f"{number:016x}"}
        return {**ids, "startTimeUnixNano": str(made.start_ns), "endTimeUnixNano": str(made.end_ns)} | {
            "name": "chat",
            "attributes": attributes,
        }

    return {"resourceSpans": [{"scopeSpans": [{"spans": [span(*pair) for pair in enumerate(calls, start=1)]}]}]}


def test_inspect_shows_the_runs_that_went_wrong(tmp_path):
    """From an export on disk to the line of the table."""
    (tmp_path / "trueup.toml").write_text('[project]\nname = "desk"\n[model]\nbase = "model"\n')
    (tmp_path / "traces.json").write_bytes(codec.encode(otlp(found(10, MISSING, FOUND))))

    def run(*words):
        done = CliRunner().invoke(cli, [*words, "--config", str(tmp_path)])
        assert done.exit_code == 0, done.output
        return done.output

    assert "no runs of agents" in run("inspect", "--runs")
    run("ingest", str(tmp_path / "traces.json"))
    shown = run("inspect", "--runs")
    assert "1 runs of 3 steps" in shown and "1 of 3" in shown
    assert "id was P-10, then P-10.0" in " ".join(shown.split())
    assert json.loads(run("inspect", "--runs", "--json"))["runs"]["wrong"][0]["wrong_step"] == 1
