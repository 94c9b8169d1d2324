"""Replay runs of tau-bench's airline agent: the user's lines and the tools' results come from the recording.

TAU_BENCH is a file of runs (a JSON list, gzip or plain), as tau-bench writes them: `task_id`, `trial`, `info`, `traj`.
A run passes when it came to its end, wrote to the bookings what the task asks for, and said what the task asks to hear.
"""

import gzip
import json
import os
from pathlib import Path

from trueup import cases, score, suite, target, tools, user

WRITES = ("book_", "cancel_", "send_", "update_")
OVER = "transfer_to_human_agents"
TURNS = 30  # tau-bench's own limit; a run that reaches it has failed
DATA = Path(os.environ["TAU_BENCH"]).read_bytes()
RUNS = json.loads(gzip.decompress(DATA) if DATA[:2] == b"\x1f\x8b" else DATA)
OFFERED = [tool.definition for tool in tools.recorded([message for run in RUNS for message in run["traj"]])]


def row(run):
    """The case of one run. Its last message is answered by nobody."""
    task = run["info"]["task"]
    spoken = [message["content"] for message in run["traj"][:-1] if message["role"] == "user"]
    wanted = [[one["name"], one["kwargs"]] for one in task["actions"] if one["name"].startswith(WRITES)]
    fields = {"trace": run["traj"], "lines": spoken[1:], "writes": wanted, "says": task["outputs"]}
    id_ = f"task-{run['task_id']}-trial-{run['trial']}"
    return {"id": id_, "messages": [run["traj"][0], {"role": "user", "content": spoken[0]}], **fields}


@suite(role=target(), cluster="task_id")
@cases([{"task_id": str(run["task_id"]), **row(run)} for run in RUNS])
def eval_airline(case, model):
    run = model.session(case.messages, tools=tools.recorded(case, tools=OFFERED), turns=TURNS)
    run.play(user=user.scripted(case["lines"]), until=[OVER])
    wrote = [[s.name, s.args] for s in run.steps if s.name.startswith(WRITES) and not s.result.startswith("Error")]
    words = " ".join(message.text for message in run.messages if message.role == "assistant")
    done = {"writes": sorted(wrote, key=repr), "ended": not run.exhausted}
    right = {"writes": sorted(case["writes"], key=repr), "ended": True}
    return score.outcome(done, right, reply=words, says=case["says"]), score.first_failure(run)
