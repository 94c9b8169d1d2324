"""A small project, and `trueup run` on it in a process of its own: the whole loop with a training, in half a minute.

Its traces are few, and its model is random, so the verdict is not to promote. The salt is fixed, so that all copies give the same ids.

    python -m tests.walk run --json       as `trueup run --json`, with ingest spread over the engine although the export is small
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.codec import digest
from harness.store import Store
from harness.types import Run
from tests.tiny import tiny_model

ROOT = Path(__file__).parents[1]
MADE = ("dataset", "adapter", "judgement", "verdict")
"""Kinds of artifacts that the loop leaves, whose ids have no times in them."""
CALLS = 160

CONFIG = """
[project]
name = "walk"
[model]
base = "model"
[ingest]
paths = ["traces"]
[privacy]
salt = "the same pseudonyms in every store"
[prompts.production]
traces = true
[tune]
max_steps = 4
batch_size = 4
checkpoint_every = 1
[gate]
min_cases = 5
[gate.options]
train_anyway = true
[store]
lease_s = 2
"""

EVAL = """
from trueup import cases, score, suite, target

@suite(role=target(min_gain=0.1))
@cases.held_out("walk")
def eval_mined(case, model):
    return score.text(model.chat(case.messages, max_tokens=2), case.expected)

@suite(role=target(min_gain=0.1))
@cases([{"id": f"c{n}", "text": f"case {n}", "expected": "yes"} for n in range(12)])
def eval_yes(case, model):
    return score.text(model.chat(case.messages, max_tokens=2), case.expected)
"""


def make(folder: Path, model: Path | None = None, more: str = "") -> Path:
    """The project; `model` instead of one of its own, `more` at the end of its trueup.toml."""
    (folder / "evals").mkdir(parents=True)
    (folder / "trueup.toml").write_text(CONFIG + more)
    (folder / "evals" / "eval_walk.py").write_text(EVAL)
    (folder / "pytest.ini").write_text("[pytest]\n")  # so that the folder is the root of its tests, wherever it lies
    (folder / "model").symlink_to(model) if model else tiny_model(folder / "model")
    _write_traces(folder / "traces")
    return folder


def _write_traces(folder: Path) -> None:
    """Calls of several days, half of them wrong and corrected by a person, the others praised."""
    folder.mkdir()
    for number in range(CALLS):
        is_wrong = number // 4 % 2 == 0
        right, wrong = f"room {number % 7}", f"floor {number % 5}"
        call = {
            "id": f"call-{number}",
            "timestamp": f"2026-03-{1 + number // 60:02}T10:{number % 60:02}:00Z",
            "metadata": {"session.id": f"talk-{number}", "user.id": f"user-{number}"},
            "request": {"model": "m", "messages": [{"role": "user", "content": _question(number)}]},
            "response": {"model": "m", "choices": [_answer(wrong if is_wrong else right)]},
        }
        word = {"value": -1, "correction": right} if is_wrong else {"value": 1}
        said = {"call_id": f"call-{number}", "name": "thumb", "source_kind": "human", **word}
        for name, row in ((f"calls-{number // 60}", call), ("feedback", said)):
            with (folder / f"{name}.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")


def _question(number: int) -> str:
    """A text that is like no other one's, so that what is alike does not end up on one side."""
    rng = random.Random(number)
    return "Where is " + " ".join("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(6)) + "?"


def _answer(text: str) -> dict[str, Any]:
    return {"finish_reason": "stop", "index": 0, "message": {"role": "assistant", "content": text}}


def start(folder: Path, environment: Mapping[str, str] = {}) -> subprocess.Popen[str]:
    """`trueup run` in a session of its own, so that it can be killed with its children."""
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-m", "tests.walk", "run", "--json"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(folder: Path, environment: Mapping[str, str] = {}) -> str:
    """The id of the verdict of `trueup run`. Raises RuntimeError when there is none."""
    running = start(folder, environment)
    out, err = running.communicate()
    if running.returncode not in (0, 1, 3) or '"id"' not in out:
        raise RuntimeError(f"exit code {running.returncode}\n{out}\n{err[-3000:]}")
    return str(json.loads(out.strip().splitlines()[-1])["id"])


def held(folder: Path, address: str = "") -> dict[str, Any]:
    """Ids of all that the loop left in the store of a project, and what it remembers."""
    store = Store.open(folder / ".trueup", address)
    return {
        **{kind: sorted(store.artifacts.ids(kind)) for kind in MADE},
        "run": sorted({store.artifacts.get("run", ident, Run).id for ident in store.artifacts.ids("run")}),
        "calls": digest(sorted(call.id for call in store.traces.calls())),
        "ledger": digest(store.ledger.splits()),
        "looks": len(store.ledger.looks.all()),
    }


def answers(folder: Path) -> int:
    """Answers of models that are in the cache of this folder's store."""
    return sum(len(path.read_bytes().splitlines()) for path in (folder / ".trueup" / "replies").glob("*.jsonl"))


if __name__ == "__main__":
    from harness.cli.main import main
    from harness.ingest import stage

    stage.WORTH_A_CREW = 0
    main()
