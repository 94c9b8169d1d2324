"""What is refused before a training costs anything."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import UndecidedError
from harness.evaluate.runner.survey import Survey
from harness.project import ANYWAY, Project
from harness.sections import Config, ProjectSection
from harness.store.looks import Sight
from harness.tune import step
from harness.types import Adapter, Dataset, Guard, Prompt, Recipe, Suite, TuneRequest

SUITE = Suite(name="a::eval_it", role=Guard(margin=0.05), cases=900, digest="d")
ASKED = tuple(f"case {number}" for number in range(900))


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A project whose only suite is a guard of 900 cases."""
    survey = Survey(suites=(SUITE,), asked={SUITE.name: ASKED})
    monkeypatch.setattr(step, "survey", lambda project, dataset: survey)
    return Project.open(Config(project=ProjectSection(name="desk"), root=str(tmp_path)))


def test_the_plan_is_for_the_look_that_is_next(work):
    """Cases that are enough at the first look are too few once they were looked at often: less error is left to spend."""
    step.check_power(work, Dataset(id="d"))
    for night in range(30):
        work.store.ledger.looks.count({SUITE.name: Sight(judged=str(night), cases=ASKED)})
    with pytest.raises(UndecidedError, match="more cases"):
        step.check_power(work, Dataset(id="d"))


def test_a_training_against_the_plan_is_remembered_by_its_adapter(work, monkeypatch):
    """Only where the flag made the difference, so that a later report can say so."""
    asked = TuneRequest(base="b", dataset="d", prompt=Prompt(name="none"), recipe=Recipe(), out="")
    names = iter(("a" * 64, "b" * 64))

    def train(request, on_point, engine):
        folder = Path(request.out)
        folder.mkdir(parents=True)
        (folder / "adapter.json").write_text("{}")
        bound = dict.fromkeys(("base", "tokenizer", "template"), "0" * 64)
        return Adapter(id=next(names), method="lora", dataset="d", recipe=Recipe(), prompt=Prompt(name="none"), **bound)

    monkeypatch.setattr(step.tune_stage, "tune", train)
    for name in ("check_model", "check_arm"):
        monkeypatch.setattr(step, name, lambda given: None)
    monkeypatch.setattr(step.tune_request, "complete", lambda project, dataset, request: request)
    monkeypatch.setattr(step.tune_request, "tune_request", lambda project, dataset: asked)
    monkeypatch.setattr(step.tune_request, "reads_of", lambda request, dataset, suites: SimpleNamespace(key=dataset.id))
    enough = step.tune(work, Dataset(id="1" * 64), anyway=True)
    for night in range(30):
        work.store.ledger.looks.count({SUITE.name: Sight(judged=str(night), cases=ASKED)})
    weak = step.tune(work, Dataset(id="2" * 64), anyway=True)
    assert work.store.memo.recall(ANYWAY, enough.id) is None
    assert work.store.memo.recall(ANYWAY, weak.id) == weak.id
