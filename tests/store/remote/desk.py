"""A small project without a model, and its whole walk in one process: ingest, mine, curate, evaluate, gate.

python desk.py make FOLDER TRACES      writes the project
python desk.py walk FOLDER             walks, and prints the ids of what was made and how much was done
"""

import json
import sys
from pathlib import Path

CONFIG = """
[project]
name = "desk"
[ingest]
paths = [{traces}]
[privacy]
salt = "the same pseudonyms in every store"
[arms.base]
backend = "scripted"
production = true
options = {{ default = "no" }}
[arms.next]
backend = "scripted"
options = {{ default = "yes" }}
[gate]
candidate = "next"
baselines = ["base"]
min_cases = 5
[store]
lease_s = {lease}
"""

EVAL = """
from trueup import cases, score, suite, target

@suite(role=target(min_gain=0.1))
@cases([{"id": f"c{n}", "text": f"case {n}", "expected": "yes"} for n in range(12)])
def eval_yes(case, model):
    return score.text(model.chat(case.messages), case.expected)

@suite(role=target(min_gain=0.0))
@cases.held_out("desk")
def eval_mined(case, model):
    return score.text(model.chat(case.messages), "yes")
"""


def make(folder: Path, traces: Path, lease: float = 2) -> Path:
    """The project, whose exports lie elsewhere."""
    (folder / "evals").mkdir(parents=True)
    (folder / "trueup.toml").write_text(CONFIG.format(traces=json.dumps(str(traces)), lease=lease))
    (folder / "evals" / "eval_desk.py").write_text(EVAL)
    (folder / "pytest.ini").write_text("[pytest]\n")  # so that the folder is the root of its tests, wherever it lies
    return folder


def walk(folder: Path) -> dict[str, object]:
    """The ids that each step gave, and what it took: calls that were stored, and answers that were asked for."""
    from harness.curate.step import curate
    from harness.evaluate.step import evaluate
    from harness.gate.step import gate
    from harness.ingest.step import ingest
    from harness.project import Project

    project = Project.open(folder)
    with project.store.lock():
        before = answers(project.store.root)
        intake = ingest(project)
        dataset = curate(project)
        evaluate(project, dataset)
        verdict = gate(project)
    return {
        "traces": project.store.traces.version(),
        "dataset": dataset.id,
        "verdict": verdict.id,
        "outcome": verdict.outcome,
        "ledger": len(project.store.ledger.splits()),
        "looks": len(project.store.ledger.looks.all()),
        "calls": intake.calls,
        "asked": answers(project.store.root) - before,
    }


def answers(root: Path) -> int:
    """Cached answers in a store."""
    return sum(len(path.read_bytes().splitlines()) for path in (root / "replies").glob("*.jsonl"))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        print(json.dumps(walk(Path(sys.argv[2]))))
