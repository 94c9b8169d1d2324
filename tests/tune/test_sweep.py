import contextlib

import pytest
from msgspec.structs import replace

from harness.config import load
from harness.curate.step import curate
from harness.errors import UndecidedError, UsageError
from harness.loop import ingest
from harness.project import Project
from harness.tune import request as tune_request
from harness.tune import request as tune_request_of
from harness.tune import sweep
from harness.types import Prompt, Recipe, TuneRequest
from tests.cli.test_cli import CONFIG, TRACES, project


class FakeProject:
    """As much of a project as the halving itself looks at."""

    class progress:
        seconds: dict = {}

        @staticmethod
        def step(name):
            return contextlib.nullcontext()

        update = note = staticmethod(lambda *given: None)

    @staticmethod
    def latest_dataset():
        return None


@pytest.fixture
def trained(monkeypatch):
    """Trials whose score is the learning rate itself; returns what was trained, in order."""
    done = []

    def trial(work, request, knobs, number, share):
        done.append((number, share, knobs))
        return sweep.SweepTrial(knobs=knobs, round=number, epochs=share, score=knobs["learning_rate"], loss=1.0)

    monkeypatch.setattr(sweep, "_trial", trial)
    monkeypatch.setattr(sweep, "_request", lambda work: None)
    return done


def test_the_better_third_goes_on_three_times_as_long(trained):
    """Nine combinations: nine short trainings, three longer ones, one of full length, and that one wins."""
    rates = tuple(number / 10 for number in range(1, 10))
    found = sweep.sweep(FakeProject, {"learning_rate": rates})
    assert [number for number, _, _ in trained] == [1] * 9 + [2] * 3 + [3]
    assert sorted({share for _, share, _ in trained}) == pytest.approx([1 / 9, 1 / 3, 1])
    assert found[0].knobs == {"learning_rate": 0.9} and found[0].round == 3


def test_every_combination_is_tried(trained):
    """Two knobs of two values are four trainings in the first round."""
    sweep.sweep(FakeProject, {"learning_rate": (0.1, 0.2), "rank": (8, 16)})
    assert len([knobs for number, _, knobs in trained if number == 1]) == 4


@pytest.mark.parametrize("grid", [{}, {"learning_rate": (0.1,)}, {"depth": (1, 2)}])
def test_a_grid_of_nothing_is_refused(grid):
    """One combination is no sweep, and a knob that is not swept is named."""
    with pytest.raises(UsageError):
        sweep.sweep(FakeProject, grid)


def test_knobs_go_into_the_recipe():
    """A trial's recipe is the project's with the knobs in place, the rank a whole number."""
    recipe = sweep.recipe_of(Recipe(alpha=8), {"rank": 4.0, "learning_rate": 0.1})
    assert recipe == Recipe(alpha=8, rank=4, learning_rate=0.1) and isinstance(recipe.rank, int)


@pytest.mark.parametrize(
    ("recipe", "secrets", "share"),
    [(Recipe(validation_share=0.0), (), 0.1), (Recipe(validation_share=0.2), (), 0.2), (Recipe(), ("KEY",), None)],
)
def test_a_sweep_has_rows_to_choose_by_and_pays_nobody(recipe, secrets, share, monkeypatch):
    """A project that sets nothing aside does so for the sweep; one whose training asks an endpoint is refused."""
    request = TuneRequest(base="", dataset="", prompt=Prompt(name="none"), recipe=recipe, out="", secrets=secrets)
    monkeypatch.setattr(tune_request, "tune_request", lambda work, dataset: request)
    monkeypatch.setattr(tune_request, "complete", lambda work, dataset, request: request)
    if share is None:
        with pytest.raises(UsageError, match="asked, and paid"):
            sweep._request(FakeProject)
    else:
        assert sweep._request(FakeProject).recipe.validation_share == share


@pytest.fixture
def work(tmp_path):
    folder = project(tmp_path / "p", CONFIG.replace("max_steps = 2", "epochs = 0.1"))
    (folder / "traces").symlink_to(TRACES)
    work = Project.open(load(folder))
    ingest(work)
    curate(work)
    return work


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sweep_trains_for_real_and_a_second_one_is_recalled(work):
    """Real trainings of a tiny model: scored on rows set aside, and not trained again when asked again."""
    grid = {"learning_rate": (1e-5, 1e-2)}
    first = sweep.sweep(work, grid)
    assert first[0].knobs["learning_rate"] == 1e-2 and first[0].loss < first[-1].loss
    assert sweep.sweep(work, grid) == first


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_too_few_rows_to_set_aside_are_no_sweep(work, monkeypatch):
    """Where the share set aside comes to no row at all, the sweep says that there is nothing to choose by."""
    known = tune_request_of.tune_request

    def without(work, dataset) -> TuneRequest:
        request = known(work, dataset)
        return replace(request, recipe=replace(request.recipe, validation_share=0.001))

    monkeypatch.setattr(tune_request, "tune_request", without)
    with pytest.raises(UndecidedError, match="there was none"):
        sweep.sweep(work, {"learning_rate": (1e-3, 1e-2)})
