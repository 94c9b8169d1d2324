"""Agent runs as tau-bench records them, by a made-up run in its shape."""

import json

from harness.ingest.stage import ingest

WANTED = {"order_id": "W1", "reason": "no longer needed"}


def tool_call(name, **arguments):
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": function}]}


def run(reward, reason, trial=0):
    said = [
        {"role": "system", "content": "Be careful."},
        {"role": "user", "content": "Cancel order W1, I no longer need it."},
        tool_call("think", thought="first look it up"),
        {"role": "tool", "tool_call_id": "c", "name": "think", "content": ""},
        tool_call("cancel_order", order_id="W1", reason=reason),
        {"role": "tool", "tool_call_id": "c", "name": "cancel_order", "content": "done"},
        {"role": "assistant", "content": "It is cancelled."},
    ]
    task = {"user_id": "ada", "actions": [{"name": "cancel_order", "kwargs": WANTED}]}
    return {"task_id": 7, "trial": trial, "reward": reward, "traj": said, "info": {"task": task}}


def read(tmp_path, *runs):
    path = tmp_path / "runs.json"
    path.write_text(json.dumps(runs))
    batches = list(ingest([str(path)]))
    return [call for one in batches for call in one.calls], [item for one in batches for item in one.feedback]


def test_each_answer_is_a_call_that_was_asked_all_before_it(tmp_path):
    """Three answers, three calls of one session, in the order of their ids; a tool's empty answer takes nothing from them."""
    calls, _ = read(tmp_path, run(1.0, "no longer needed"))
    assert [len(call.input) for call in sorted(calls, key=lambda call: call.id)] == [2, 4, 6]
    assert {(call.session_id, call.user_id, call.flags) for call in calls} == {("task-7", "ada", ())}


def test_a_run_that_passed_praises_each_answer(tmp_path):
    """The reward is on all three calls, given by a program."""
    calls, feedback = read(tmp_path, run(1.0, "no longer needed"))
    assert {(item.call_id, item.value, item.source_kind) for item in feedback} == {
        (call.id, 1.0, "code") for call in calls
    }


def test_a_run_that_failed_blames_the_first_wrong_change_and_says_the_right_one(tmp_path):
    """Not the last turn: the call with the wrong reason, with the task's own call as its correction."""
    calls, feedback = read(tmp_path, run(0.0, "ordered by mistake"))
    (said,) = feedback
    blamed = next(call for call in calls if call.id == said.call_id)
    assert blamed.output[0].tool_calls[0].name == "cancel_order"
    assert json.loads(json.loads(said.correction)["tool_calls"][0]["function"]["arguments"]) == WANTED


def test_a_run_that_failed_without_a_wrong_change_blames_its_last_answer(tmp_path):
    """Nothing says what would have been right, so there is no correction."""
    calls, feedback = read(tmp_path, run(0.0, "no longer needed"))
    assert [(item.call_id, item.correction) for item in feedback] == [(max(call.id for call in calls), None)]
