"""Agent runs with tools: multi-turn conversations, tool calls as targets, the turn that failed."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from harness.core.codec import to_chat
from harness.core.link_feedback import link
from harness.curate.export_formats import export
from harness.curate.levers import inspect
from harness.curate.stage import CurateOptions, curate
from harness.ingest.stage import ingest
from harness.mine.stage import mine

RUNS = Path(__file__).parents[3] / "shared" / "traces" / "tau_bench" / "gpt-4o-airline.json.gz"
TASKS = 20
"""Of fifty, to be quick."""

pytestmark = pytest.mark.skipif(not RUNS.is_file(), reason="the shared agent runs are not here")


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Calls, feedback, what was mined, and what was curated."""
    some = tmp_path_factory.mktemp("tau") / "runs.json"
    runs = json.loads(gzip.decompress(RUNS.read_bytes()))
    some.write_text(json.dumps([run for run in runs if run["task_id"] < TASKS]))
    batches = list(ingest([str(some)], options={"redact": False}))
    calls = [call for batch in batches for call in batch.calls]
    feedback = list(link(calls, [item for batch in batches for item in batch.feedback]))
    mined = mine(calls, feedback)
    options = CurateOptions(min_failures=5)
    return calls, feedback, mined, curate(calls, feedback, mined, sticky={}, options=options)


def test_the_fates_of_all_turns_reconcile(night):
    """Every assistant turn of 80 runs ends in one fate, and failed runs without a right answer are listed."""
    calls, _, _, result = night
    assert sum(result.dataset.fates.values()) == len(calls) == len(result.fates)
    assert result.dataset.fates["no_target"] > 5
    assert "unusable" not in result.dataset.fates, "a tool that answers nothing has answered"


def test_a_failed_turn_has_the_right_tool_call_as_target(night):
    """The target is a call of the tool with the right arguments, in the middle of its conversation."""
    _, _, _, result = night
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
    calls, _, mined, _ = night
    by_id = {call.id: call for call in calls}
    found = [failure for failure in mined.failures if failure.detector == "tool_error"]
    assert len(found) >= 10
    assert all(by_id[failure.call_id].output[0].tool_calls for failure in found)
    assert not any(failure.environment for failure in found)


def test_a_mended_tool_call_teaches_the_turn_that_failed(night):
    """Where the agent called the same tool again and it was taken, that call is the target of the first."""
    _, _, _, result = night
    retried = [
        case for split in ("train", "held_out") for case in result.splits[split] if case.target_source == "retry"
    ]
    assert retried
    for case in retried:
        assert case.target.tool_calls
        assert case.messages[-1].role in ("user", "tool")


def test_loss_falls_on_the_curated_turns_only(night, tmp_path):
    """Of a long conversation only what curation chose is learnt: as many answers as there are cases, the others weigh 0."""
    _, _, _, result = night
    export(result.splits, "openai-sft", tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "train.openai-sft.jsonl").read_text().splitlines()]
    assert any(len(line["messages"]) > 6 for line in lines)
    learnt = []
    for line in lines:
        *earlier, last = [message for message in line["messages"] if message["role"] == "assistant"]
        assert "weight" not in last
        learnt += [last, *(message for message in earlier if message["weight"])]
    targets = [to_chat(case.target) for case in result.splits["train"]]
    assert sorted(map(_plain, learnt)) == sorted(map(_plain, targets))


def _plain(message):
    return json.dumps({key: value for key, value in message.items() if key != "weight"}, sort_keys=True)


def test_a_task_stands_on_one_side(night):
    """All trials and turns of a task train, or none does; nothing held out is near training."""
    _, _, _, result = night
    sides = {"train": "train", "held_out": "judge", "regression": "judge"}
    tasks = Counter((case.session_id, side) for split, side in sides.items() for case in result.splits[split])
    assert len({task for task, _ in tasks}) == len(tasks)
    assert all(item.similarity < 0.8 for item in result.dataset.leak_proof)


def test_levers_count_every_target_and_look_for_facts_in_what_tools_said(night):
    """Calls that the agent mended itself count; a flight number that a search gave is no fact from outside."""
    calls, feedback, mined, _ = night
    found = inspect(mined, calls, feedback)
    assert found.targets["retry"] >= 1
    clusters = [one for one in found.clusters if one.detector == "correction" and len(one.call_ids) >= 5]
    assert clusters
    assert not any(one.lever == "retrieval" for one in clusters)


def test_the_policy_is_the_prompt(night):
    """The airline's policy is taken off every conversation and kept once."""
    _, _, _, result = night
    assert [message.role for message in result.dataset.prompts[0].messages] == ["system"]
