"""An evaluation that is spread over tasks is the evaluation that was not, and what was answered is asked once."""

import os
from textwrap import dedent

import pytest
from msgspec.structs import replace

from harness.core import crew
from harness.errors import TrueupError
from harness.evaluate import spread
from harness.evaluate.stage import evaluate
from harness.store.replies import lines
from harness.types import Arm, CostSettings, EvalRequest

BODY = """
import os, signal
from harness import *

@suite(repeats=2)
@cases([{"id": str(n), "text": str(n)} for n in range(7)])
def eval_many(case, model):
    said = model.chat(case.messages).text
    if said == "4" and os.path.exists(PLACE):
        os.kill(os.getpid(), signal.SIGKILL)
    return score.text(said, case.text)

@cases([{"id": "a", "text": "a"}])
def eval_once(case, model):
    return model.chat(case.messages).text == os.environ["MARK"]
"""


@pytest.fixture
def request_of(tmp_path, monkeypatch):
    """An evaluation of two arms, by the name of its cache. Where the file `dies` exists, it dies at one of its cases."""
    monkeypatch.setenv("MARK", "a")
    (tmp_path / "evals").mkdir()
    body = dedent(BODY).replace("PLACE", repr(str(tmp_path / "dies")))
    (tmp_path / "evals" / "eval_it.py").write_text(body)
    arms = (Arm(name="echo", backend="scripted"), Arm(name="dull", backend="scripted", options={"default": "0"}))
    whole = EvalRequest(arms=arms, paths=(str(tmp_path / "evals"),), out=str(tmp_path / "out"), root=str(tmp_path))
    return lambda name, **more: replace(whole, replies=str(tmp_path / name), **{"batch_size": 1, **more})


def ignore(event):
    """What nobody asks for."""


def kept(folder):
    return {file.name: dict(lines(file)).keys() for file in folder.glob("*.jsonl")}


def test_the_parts_make_the_run_that_was_not_spread(request_of, tmp_path):
    """The same ids, results and cases, and one cache with the same replies; cases are counted as of one process."""
    events = []
    whole = evaluate(request_of("whole"))
    parted = spread.evaluate(request_of("parted"), crew.LOCAL, events.append)
    assert [run.id for run in parted] == [run.id for run in whole] and len(parted) == 2
    assert [run.cases for run in parted] == [run.cases for run in whole]
    assert [run.generated for run in parted] == [run.generated for run in whole]
    assert kept(tmp_path / "parted") == kept(tmp_path / "whole") and not (tmp_path / "parted" / spread.PARTS).exists()
    for arm in ("echo", "dull"):
        done = [event["done"] for event in events if event["event"] == "case" and event["arm"] == arm]
        totals = {event["total"] for event in events if "total" in event and event["arm"] == arm}
        assert totals == {15} and done == sorted(done) and done[-1] == 15


@pytest.mark.slow
def test_what_was_answered_before_a_kill_is_not_asked_again(request_of, tmp_path):
    """Neither by the next spread evaluation nor by one that is not spread."""
    (tmp_path / "dies").touch()
    with pytest.raises(TrueupError, match="killed by signal 9"):
        spread.evaluate(request_of("killed"), crew.LOCAL, ignore)
    before = sum(map(len, kept(tmp_path / "killed").values()))
    assert 0 < before < 30
    (tmp_path / "dies").unlink()
    runs = spread.evaluate(request_of("killed"), crew.LOCAL, ignore)
    whole = evaluate(request_of("whole"))
    assert sum(run.generated for run in runs) == sum(run.generated for run in whole) - before
    assert [run.id for run in runs] == [run.id for run in whole]
    assert [run.generated for run in evaluate(request_of("killed"))] == [0, 0]


@pytest.mark.slow
def test_parts_of_a_command_that_was_killed_are_joined(request_of, tmp_path):
    """A killed driver leaves the folders of its tasks; the next one takes them into the cache first."""
    evaluate(request_of(f"again/{spread.PARTS}/1-8"))
    runs = spread.evaluate(request_of("again"), crew.LOCAL, ignore)
    assert [run.generated for run in runs] == [0, 0] and not (tmp_path / "again" / spread.PARTS).exists()


@pytest.mark.parametrize("more", [{"shard": "1/2"}, {"otel": "traces.jsonl"}, {"cost": CostSettings(most=5.0)}])
def test_what_cannot_be_divided_is_one_task(request_of, monkeypatch, more):
    """A part, a trace, a purse that is checked at each batch."""
    sent = []

    class Alone(crew.Crew):
        def slots(self, gpus=False):
            return 4

        def require(self, places):
            assert str(os.path.realpath(request_of("none").paths[0])) in map(os.path.realpath, places)

        def run(self, tasks):
            sent.extend(tasks)
            return iter(())

    class Open:
        def __enter__(self):
            return Alone()

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(crew, "opened", lambda settings: Open())
    assert spread.evaluate(request_of("none", **more), crew.LOCAL, ignore) == ()
    assert len(sent) == 1
