"""Agent runs with tools: multi-turn conversations, tool calls as targets, the turn that failed."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from harness.codec import canonical, from_chat
from harness.curation.exports import export
from harness.stages.curate import CurateOptions, curate
from harness.stages.mine import mine
from harness.types import Call, Feedback
from tests.curation.traces import DAY_NS, START_NS

RUNS = Path(__file__).parents[3] / "shared" / "traces" / "tau_bench" / "gpt-4o-airline.json.gz"
TASKS = 20
"""Of fifty, to be quick."""
READS = ("get_", "search_", "list_", "think", "calculate")

pytestmark = pytest.mark.skipif(not RUNS.is_file(), reason="the shared agent runs are not here")


def turns(run, number):
    """One call for each assistant turn; the four trials of a task are one session."""
    messages = [from_chat(message) for message in run["traj"]]
    task = run["task_id"]
    for at, message in enumerate(messages):
        if message.role == "assistant":
            start = START_NS + (number * 10 + run["trial"]) * DAY_NS // 50 + at * 10**9
            yield Call(
                id=f"{task}:{run['trial']}:{at}",
                session_id=f"task-{task}",
                user_id=run["info"]["task"]["user_id"],
                route="airline",
                start_ns=start,
                input=tuple(messages[:at]),
                output=(message,),
            )


def said(run, calls):
    """The reward, on every turn; and where a failed run first wrote what the task did not ask for, the right call."""
    passed = run["reward"] == 1
    wanted = [(action["name"], canonical(action["kwargs"])) for action in run["info"]["task"]["actions"]]
    if passed:
        return [
            Feedback(id=f"r{call.id}", call_id=call.id, value=1.0, name="reward", source_kind="code") for call in calls
        ]
    for call in calls:
        made = [(part.name, canonical(json.loads(part.arguments))) for part in call.output[0].tool_calls]
        wrong = [item for item in made if not item[0].startswith(READS) and item not in wanted]
        right = next((item for item in wanted if wrong and item[0] == wrong[0][0]), None)
        if right:
            function = {"name": right[0], "arguments": right[1]}
            answer = {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": function}]}
            return [Feedback(id=f"c{call.id}", call_id=call.id, value=-1.0, correction=canonical(answer))]
    return [Feedback(id=f"r{calls[-1].id}", call_id=calls[-1].id, value=0.0, name="reward", source_kind="code")]


@pytest.fixture(scope="module")
def night():
    calls, feedback = [], []
    runs = json.loads(gzip.decompress(RUNS.read_bytes()))
    for number, run in enumerate(run for run in runs if run["task_id"] < TASKS):
        made = list(turns(run, number))
        calls += made
        feedback += said(run, made)
    mined = mine(calls, feedback)
    options = CurateOptions(min_failures=5, user_share_cap=1.0)
    return calls, mined, curate(calls, feedback, mined, sticky={}, options=options)


def test_the_fates_of_all_turns_reconcile(night):
    """Every assistant turn of 80 runs ends in one fate, and failed runs without a right answer are listed."""
    calls, _, result = night
    assert sum(result.dataset.fates.values()) == len(calls) == len(result.fates)
    assert result.dataset.fates["no_target"] > 5


def test_a_failed_turn_has_the_right_tool_call_as_target(night):
    """The target is a call of the tool with the right arguments, in the middle of its conversation."""
    _, _, result = night
    failed = [
        case for split in ("train", "held_out") for case in result.splits[split] if case.target_source == "correction"
    ]
    assert len(failed) >= 5
    for case in failed:
        assert case.expected["tool_calls"][0]["name"] == case.target.tool_calls[0].name
        assert case.messages[-1].role in ("user", "tool")
        assert case.messages[0].role == "user"


def test_the_turn_that_a_tool_turned_down_is_the_one_that_failed(night):
    """Every such failure points to the call whose result says "Error", none to the last turn of the conversation."""
    calls, mined, _ = night
    by_id = {call.id: call for call in calls}
    found = [failure for failure in mined.failures if failure.detector == "tool_error"]
    assert len(found) >= 10
    assert all(by_id[failure.call_id].output[0].tool_calls for failure in found)
    assert not any(failure.environment for failure in found)


def test_a_mended_tool_call_teaches_the_turn_that_failed(night):
    """Where the agent called the same tool again and it was taken, that call is the target of the first."""
    _, _, result = night
    retried = [
        case for split in ("train", "held_out") for case in result.splits[split] if case.target_source == "retry"
    ]
    assert retried
    for case in retried:
        assert case.target.tool_calls
        assert case.messages[-1].role in ("user", "tool")


def test_loss_falls_on_the_failed_turn_only(night, tmp_path):
    """Of a long conversation the last message alone is learnt; the export gives all earlier answers weight 0."""
    _, _, result = night
    export(result.splits, "openai-sft", tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "train.openai-sft.jsonl").read_text().splitlines()]
    assert any(len(line["messages"]) > 6 for line in lines)
    for line in lines:
        *earlier, last = [message for message in line["messages"] if message["role"] == "assistant"]
        assert "weight" not in last
        assert all(message["weight"] == 0 for message in earlier)


def test_a_task_stands_on_one_side(night):
    """All trials and turns of a task train, or none does; nothing held out is near training."""
    _, _, result = night
    sides = {"train": "train", "held_out": "judge", "regression": "judge"}
    tasks = Counter((case.session_id, side) for split, side in sides.items() for case in result.splits[split])
    assert len({task for task, _ in tasks}) == len(tasks)
    assert all(item.similarity < 0.8 for item in result.dataset.leak_proof)


def test_the_policy_is_the_prompt(night):
    """The airline's policy is taken off every conversation and kept once."""
    _, _, result = night
    assert [message.role for message in result.dataset.prompts[0].messages] == ["system"]
