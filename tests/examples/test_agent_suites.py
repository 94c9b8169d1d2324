"""The example suites of agents run: tau-bench's recorded runs, replayed with recorded tools."""

import gzip
import json
from pathlib import Path

import pytest

from harness.core.codec import encode
from harness.evaluate.sessions.recorded import UNSEEN
from harness.evaluate.stage import evaluate
from harness.ingest.stage import ingest
from harness.types import Arm, EvalRequest

SHARED = Path(__file__).parents[3] / "shared" / "traces" / "tau_bench" / "gpt-4o-airline.json.gz"
SUITE = Path(__file__).parents[2] / "examples" / "agent_suites" / "evals" / "eval_tau_bench.py"
TASKS = (1, 2, 12, 42)
"""With runs that failed, passed, were handed over to a person, and one that was stopped at its 30th turn."""
STOPPED = "task-2-trial-1"
LIMIT = "sessions ended by the limit of turns: 1"


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Runs of three tasks, and their replay by production's answers and by a model that calls other things."""
    if not SHARED.is_file():
        pytest.skip("the shared agent runs are not here")
    folder = tmp_path_factory.mktemp("tau")
    runs = [run for run in json.loads(gzip.decompress(SHARED.read_bytes())) if run["task_id"] in TASKS]
    (folder / "runs.json").write_text(json.dumps(runs))
    calls = [call for batch in ingest([str(folder / "runs.json")], options={"redact": False}) for call in batch.calls]
    (folder / "calls.jsonl").write_bytes(b"\n".join(map(encode, calls)))
    wrong = ["find_user", {}], ["get_user_details", {"user_id": "nobody"}]
    replies = {opening(run): called(*wrong[run["task_id"] == TASKS[0]]) for run in runs}
    arms = (
        Arm(name="production", backend="recorded", model=str(folder / "calls.jsonl")),
        Arm(name="other", backend="scripted", options={"replies": replies}),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAU_BENCH", str(folder / "runs.json"))
        production, other = evaluate(EvalRequest(arms=arms, paths=(str(SUITE),), out=str(folder / "out")))
    return runs, production, other


def opening(run):
    return next(message["content"] for message in run["traj"] if message["role"] == "user")


def called(name, arguments):
    call = {"id": "c", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return json.dumps({"role": "assistant", "content": None, "tool_calls": [call]})


def test_production_s_own_answers_are_scored_as_they_were_rewarded(night):
    """Each run is replayed to its end with the recorded results, and no call is without a recording.

    One was stopped after a tool's result, with all that the task asks for done: it is no success there, and none here."""
    runs, production, _ = night
    rewards = {f"task-{run['task_id']}-trial-{run['trial']}": run["reward"] for run in runs}
    assert {result.case_id: result.score("outcome") for result in production.results} == rewards
    assert set(rewards.values()) == {0.0, 1.0}
    assert not any(result.error for result in production.results)
    assert {result.case_id: result.notes for result in production.results if result.notes} == {STOPPED: (LIMIT,)}


def test_a_model_that_calls_other_things_is_told_so_and_it_is_counted(night):
    """Unknown tools, and arguments that no recording has: the case has a score, and its notes say what happened."""
    runs, _, other = night
    assert len(other.results) == len(runs) and not any(result.error for result in other.results)
    for result in other.results:
        unseen = result.case_id.startswith(f"task-{TASKS[0]}-")
        kind = UNSEEN if unseen else "calls that could not be carried out"
        assert result.notes == tuple(sorted((f"{kind}: 30", LIMIT)))
        assert result.score("first_failure") == 0.0
