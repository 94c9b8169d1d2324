"""Rooms on a Ray cluster of two nodes: what runs there gives the ids that it gives here."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent

import pytest
from msgspec.structs import replace

from benchmarks.ingest import split, write
from harness.core import crew
from harness.core.codec import digest
from harness.evaluate.stage import evaluate
from harness.ingest.stage import ingest
from harness.types import Arm, EngineSettings, EvalRequest

pytest.importorskip("ray", reason="Ray is not installed: pip install ray")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def stored(paths, engine):
    """A digest of all calls, and the counts."""
    batches = list(ingest([str(path) for path in paths], engine=engine, workers=2))
    calls = sorted((call for batch in batches for call in batch.calls), key=lambda call: call.id)
    return digest(calls), sum((batch.counts.get("records", 0) for batch in batches), 0), len(calls)


def test_ingest_gives_the_same_calls(cluster, tmp_path):
    """From files of which each has parts of the traces of others."""
    write(tmp_path / "export.jsonl", 640)
    parts = split(tmp_path / "export.jsonl", 4)
    here = stored(parts, crew.LOCAL)
    assert here[2] == 320
    assert stored(parts, EngineSettings(kind="ray", address=cluster.address)) == here


BODY = """
import os, time
from harness import *

@cases([{"id": str(n), "text": str(n)} for n in range(9)])
def eval_many(case, model):
    said = model.chat(case.messages).text
    if said == "6" and not os.path.exists(PLACE):
        with open(PLACE, "w") as file:
            file.write(str(os.getppid()))
        time.sleep(600)
    return score.text(said, case.text)
"""


def test_evaluate_gives_the_same_run_though_a_worker_is_lost(cluster, tmp_path):
    """The lost one's task begins again: with the replies that it had, and the run is that of one process."""
    (tmp_path / "evals").mkdir()
    mark = tmp_path / "begun"
    (tmp_path / "evals" / "eval_it.py").write_text(dedent(BODY).replace("PLACE", repr(str(mark))))
    request = EvalRequest(
        arms=(Arm(name="echo", backend="scripted"),),
        paths=(str(tmp_path / "evals"),),
        out=str(tmp_path / "out"),
        root=str(tmp_path / "evals"),
        replies=str(tmp_path / "replies"),
        batch_size=1,
    )
    engine = EngineSettings(kind="ray", address=cluster.address)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(evaluate, request, engine=engine)
        while not (mark.exists() and mark.read_text()):
            assert not asked.done(), asked.result()
            time.sleep(0.1)
        os.kill(_worker_above(int(mark.read_text())), signal.SIGKILL)
        (run,) = asked.result()
    (whole,) = evaluate(replace(request, replies=str(tmp_path / "other")))
    assert run.id == whole.id and run.cases == whole.cases
    assert whole.generated == 9 and run.generated < 9  # what was answered before the loss came from the cache


def _worker_above(process: int) -> int:
    """The Ray worker above a process of its task."""
    import psutil

    return next(above.pid for above in psutil.Process(process).parents() if above.name().startswith("ray::"))
