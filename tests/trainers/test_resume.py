from pathlib import Path

import pytest
import torch

from harness.errors import InvalidError
from harness.types import Recipe
from trainers.model import parameters
from trainers.training.checkpoints import STATE, WEIGHTS, Shelf
from trainers.training.choices import fill
from trainers.training.descent import descend


class Killed(Exception):
    """Stands for the kill of the process."""


@pytest.fixture
def train(base, rows, tmp_path):
    """Trains eight steps on a fresh model, killed after step `kill`; returns its weights as bytes."""

    def run(folder: str, kill: int = 0, **knobs: object) -> dict[str, bytes]:
        knobs = {"learning_rate": 1e-3, "batch_size": 4, "max_steps": 8, "checkpoint_every": 3} | knobs
        recipe = fill(Recipe(rank=4, **knobs), 10**6, len(rows), 512).recipe
        model = parameters.attach(parameters.open_base(base, torch.float32).model, recipe)

        def on_point(point, steps):
            if point.step == kill:
                raise Killed

        try:
            descend(model, rows, recipe, Shelf(tmp_path / folder, "this one"), on_point)
        except Killed:
            return {}
        return {name: tensor.numpy().tobytes() for name, tensor in parameters.weights(model).items()}

    return run


@pytest.mark.parametrize("kill", [2, 6])
def test_killed_and_resumed_gives_the_same_bytes(train, kill):
    """A training killed after any step and started again ends in the adapter of an undisturbed one, to the byte."""
    whole = train("undisturbed", dropout=0.1)
    assert train("disturbed", kill=kill, dropout=0.1) == {}
    assert train("disturbed", dropout=0.1) == whole


def checkpoints(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_damaged_checkpoint_is_passed_over(train, tmp_path):
    """One changed byte in the newest checkpoint: the one before it is taken, and the result is still the same."""
    whole = train("undisturbed")
    train("damaged", kill=7)
    newest = max((tmp_path / "damaged").iterdir())
    data = bytearray((newest / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (newest / WEIGHTS).write_bytes(data)
    assert train("damaged") == whole


def test_a_half_written_checkpoint_is_invisible(train, tmp_path):
    """A checkpoint whose state was never written, because the process died, is not resumed from."""
    whole = train("undisturbed")
    train("torn", kill=7)
    (max((tmp_path / "torn").iterdir()) / STATE).unlink()
    assert train("torn") == whole


def test_checkpoints_at_the_end_of_an_epoch_are_kept(train, tmp_path):
    """Old checkpoints go, the two newest and those at the end of an epoch stay (20 rows, 4 a step: every fifth)."""
    train("kept", max_steps=14, checkpoint_every=1)
    assert checkpoints(tmp_path / "kept") == [f"step-{step:08d}" for step in (5, 10, 12, 13)]


def test_another_request_is_not_resumed(train, tmp_path, base, rows):
    """Checkpoints of another dataset or recipe on the same shelf are not taken for one's own."""
    train("mine", kill=7)
    model = parameters.attach(parameters.open_base(base, torch.float32).model, Recipe(rank=4))
    optimizer = torch.optim.AdamW(parameters.trainable(model))
    assert Shelf(tmp_path / "mine", "another").resume(model, optimizer).step == 0
    assert Shelf(tmp_path / "mine", "this one").resume(model, optimizer).step == 6


def test_nan_stops_before_a_weight_changes(base, rows, tmp_path):
    """A loss that is not a number ends the training before that step's update, and no weight is not a number."""
    recipe = fill(Recipe(rank=4, learning_rate=1e-3, batch_size=4, max_steps=4), 10**6, len(rows), 512).recipe
    model = parameters.attach(parameters.open_base(base, torch.float32).model, recipe)
    before = parameters.weights(model)
    model.get_input_embeddings().weight.data.fill_(float("nan"))
    with pytest.raises(InvalidError, match="step 1: the loss is not a number"):
        descend(model, rows, recipe, Shelf(tmp_path, "x"), lambda point, steps: None)
    assert all(torch.equal(tensor, before[name]) for name, tensor in parameters.weights(model).items())
