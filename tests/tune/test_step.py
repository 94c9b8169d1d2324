"""What is refused before a training costs anything."""

import pytest

from harness.config import Config, ProjectSection
from harness.errors import UndecidedError
from harness.evaluate.runner.survey import Survey
from harness.project import Project
from harness.store.looks import Sight
from harness.tune import step
from harness.types import Dataset, Guard, Suite

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
