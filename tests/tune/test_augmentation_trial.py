"""An arm with slot-swapped rows against an equal-sized one without."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from harness import loop
from harness.config import load
from harness.core.codec import read_lines
from harness.curate import step as curate_step
from harness.curate.slot_swaps import MARK
from harness.errors import UndecidedError, UsageError
from harness.project import Project
from harness.tune import augmentation_trial
from harness.tune import request as tune_request
from harness.tune import stage as tune_stage
from harness.types import Adapter, Case, CurvePoint, Prompt, Recipe, TuneRequest
from tests.cli.test_cli import CONFIG, TRACES
from tests.cli.test_cli import project as tiny_project
from tests.mine.test_cluster_history import curated, work  # noqa: F401  (a fixture)


@pytest.fixture
def project(work, monkeypatch):  # noqa: F811
    """A curated project, its trainings recorded instead of run; each scores what `project.scores` says in turn."""
    curated(work)
    request = TuneRequest(base="b", dataset="", prompt=Prompt(name="short"), recipe=Recipe(epochs=2), out="")
    found = SimpleNamespace(work=work, asked=[], scores=[])

    def tune(wanted, engine):
        found.asked.append((wanted, tuple(read_lines(Path(wanted.dataset) / "train.jsonl", Case))))
        point = CurvePoint(step=3, epoch=1, loss=1, score=found.scores[len(found.asked) - 1], validation_loss=1)
        about = {"method": "sft", "base": "", "tokenizer": "", "template": "", "dataset": ""}
        return Adapter(
            id="a", **about, recipe=wanted.recipe, prompt=wanted.prompt, curve=(point,), checks={"chosen_step": 3}
        )

    monkeypatch.setattr(tune_request, "tune_request", lambda work, dataset: request)
    monkeypatch.setattr(augmentation_trial.evaluate_step, "survey", lambda work: SimpleNamespace(texts=()))
    monkeypatch.setattr(tune_stage, "tune", tune)
    return found


def test_both_arms_see_as_many_rows_and_are_judged_by_the_same(project):
    """The arm without goes over its rows more often; the judging rows and their groups train in neither."""
    project.scores = [0.5, 0.6]
    found = augmentation_trial.augment(project.work, 0.5, [1])
    (plain, few), (more, many) = project.asked
    judges = set(plain.validation_ids)
    assert plain.validation_ids == more.validation_ids and len(judges) == found.aside > 0
    trained = [[case for case in rows if case.id not in judges] for rows in (few, many)]
    assert [len(rows) for rows in trained] == [found.train, found.train + found.added]
    assert plain.recipe.epochs * len(trained[0]) == pytest.approx(more.recipe.epochs * len(trained[1]))
    groups = {case.group for case in few if case.id in judges}
    assert not groups & {case.group for rows in trained for case in rows}
    assert [sum(MARK in case.tags for case in rows) for rows in trained] == [0, found.added]


@pytest.mark.parametrize(("scores", "keep"), [([0.5, 0.6, 0.5, 0.5], True), ([0.5, 0.5] * 2, False)])
def test_they_are_kept_only_if_the_arm_without_them_does_worse(project, scores, keep):
    """On average over the seeds; a tie leaves them out."""
    project.scores = scores
    found = augmentation_trial.augment(project.work, 0.5, [1, 2])
    assert found.keep is keep
    assert [(one.without, one.with_them) for one in found.trials] == list(zip(scores[::2], scores[1::2], strict=True))


def test_a_trial_pays_no_endpoint(project, monkeypatch):
    """Trainings that nobody keeps are not bought from a provider."""
    paid = TuneRequest(
        base="", dataset="", prompt=Prompt(name="none"), recipe=Recipe(method="hosted"), out="", secrets=("KEY",)
    )
    monkeypatch.setattr(tune_request, "latest", lambda _: paid)
    with pytest.raises(UsageError, match="'hosted' asks an endpoint"):
        augmentation_trial.augment(project.work, 0.5, [1])
    assert project.asked == []


def test_rows_without_a_field_to_swap_are_no_trial(project, monkeypatch):
    """Nothing is trained, and the error says why."""
    known = augmentation_trial.datasets.splits

    def prose(given, dataset):
        return {
            name: tuple(replace(case, expected=case.text) for case in cases)
            for name, cases in known(given, dataset).items()
        }

    monkeypatch.setattr(augmentation_trial.datasets, "splits", prose)
    with pytest.raises(UndecidedError, match="no row could be made by swaps"):
        augmentation_trial.augment(project.work, 0.5, [1])
    assert project.asked == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_both_arms_train_for_real(tmp_path):
    """A tiny model on the parcel desk's rows: both arms are scored on the rows set aside, and asked again they are recalled."""
    folder = tiny_project(tmp_path / "p", CONFIG.replace("max_steps = 2", "epochs = 0.1"))
    (folder / "traces").symlink_to(TRACES)
    opened = Project.open(load(folder))
    loop.ingest(opened)
    curate_step.curate(opened)
    first = augmentation_trial.augment(opened, 0.3, [1])
    assert first.added > 0 and first.aside > 0
    assert all(0 <= score <= 1 for one in first.trials for score in (one.without, one.with_them))
    assert augmentation_trial.augment(opened, 0.3, [1]) == first
