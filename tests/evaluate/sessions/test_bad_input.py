"""One suite of everything that goes wrong around an agent: each case has an outcome of its own, and the rest runs."""

import json

import pytest

from harness.evaluate.sessions.session import DEEPEST
from harness.evaluate.stage import evaluate
from harness.types import Arm, EvalRequest

SUITE = """
import time

from trueup import cases, score, suite, tools

LOOK = {"name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "integer"}}}}


def dump():
    return "x" * 10_000_000


def photo():
    return b"\\x00\\xff" * 1000


def echo(text: str):
    return text


def stuck():
    time.sleep(60)


def broken():
    raise OSError("no connection")


def strange():
    return object()


@suite()
@cases([{"id": name, "text": name} for name in NAMES])
def eval_bad(case, model):
    def expert():
        return model.session("deeper", [expert]).play().text

    offered = [dump, photo, echo, stuck, broken, strange, expert]
    if case.id == "half a trace":
        offered = tools.recorded([{"role": "assistant", "tool_calls": [part("first"), part("second")]},
                                  {"role": "tool", "tool_call_id": "first", "content": "found"}])
    if case.id == "out of order":
        return out_of_order(model.session(case.messages, [LOOK]))
    run = model.session(case.messages, offered, tool_seconds=0.2)
    run.play(user=(lambda messages: case.id) if case.id == "endless user" else None)
    return score.text(run.text, "Done.")


def part(name):
    return {"id": name, "type": "function", "function": {"name": "find", "arguments": '{"what": "%s"}' % name}}


def out_of_order(chat):
    calls = [chat.next_call(), chat.next_call()]
    for call in reversed(calls):
        chat.reply(call, call.args["at"])
    chat.next_call()
    return score.check("in the order of the calls", [step.result for step in chat.steps] == ["1", "2"])
"""

CALLS = {
    "huge": [("dump", {})],
    "binary": [("photo", {})],
    "broken arguments": [("echo", '{"text": "a')],
    "no object": [("echo", "[1]")],
    "not offered": [("delete_all", {})],
    "wrong type": [("echo", {"text": 7})],
    "out of order": [("look", {"at": 1}), ("look", {"at": 2})],
    "agent in agent": [("expert", {})],
    "deeper": [("expert", {})],
    "half a trace": [("find", {"what": "second"})],
    "stuck": [("stuck", {})],
    "broken": [("broken", {})],
    "strange": [("strange", {})],
    "endless user": [],
    "fine": [("echo", {"text": "a"})],
}
"""What the model calls, by what it was asked; it says "Done." afterwards."""
CANNOT = "calls that could not be carried out: 1"
NOTES = {
    "huge": ("tool results cut: 1",),
    "broken arguments": (CANNOT,),
    "no object": (CANNOT,),
    "not offered": (CANNOT,),
    "half a trace": ("calls without a recording: 1",),
    "endless user": ("sessions ended by the limit of user_turns: 1",),
}
ERRORS = {"stuck": "did not answer within 0.2 seconds", "broken": "no connection", "strange": "which is not JSON"}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    names = [name for name in CALLS if name != "deeper"]
    (folder / "eval_bad.py").write_text(SUITE.replace("NAMES", repr(names)))
    replies = {asked: [*message(calls), "Done."] for asked, calls in CALLS.items()}
    arm = Arm(name="agent", backend="scripted", options={"replies": replies})
    (run,) = evaluate(EvalRequest(arms=(arm,), paths=(str(folder),), out=str(folder / "out")))
    assert {result.case_id for result in run.results} == {*names} and not run.problems
    return {result.case_id: result for result in run.results}


def message(calls):
    made = [
        {"id": f"c{n}", "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)}}
        for n, (name, given) in enumerate(calls)
    ]
    return [json.dumps({"role": "assistant", "content": None, "tool_calls": made})] if made else []


def test_what_a_tool_breaks_is_an_error_of_its_case_alone(results):
    """A stuck tool, one that raises and one whose result is no JSON are errors, each with its reason."""
    errors = {name: result.error for name, result in results.items() if result.error}
    assert errors.keys() == ERRORS.keys()
    assert all(reason in errors[name] for name, reason in ERRORS.items())


def test_what_a_model_gets_wrong_is_told_to_it_and_noted(results):
    """The session goes on, has a score, and its notes say what happened; nothing else is noted."""
    scored = {name: result for name, result in results.items() if name not in ERRORS}
    assert all(one.value == 1 for result in scored.values() for one in result.scores)
    assert all(result.scores for result in scored.values())
    assert {name: result.notes for name, result in scored.items() if result.notes} == NOTES


def test_a_case_keeps_no_more_than_it_showed(results):
    """Ten megabytes of a tool's result are not in the transcript, and bytes are named there."""
    shown = {name: str(results[name].asked) for name in ("huge", "binary")}
    assert len(shown["huge"]) < 25_000 and "2,000 bytes" in shown["binary"]


def test_agents_in_agents_end(results):
    """The innermost is refused, and each above it gets an answer."""
    assert len(results["agent in agent"].replies) == 2 * DEEPEST
