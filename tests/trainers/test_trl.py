"""TRL's SFTTrainer as a recipe: the steps of `sft`, a certificate, and checkpoints that a killed training goes on from."""

import pytest
from msgspec.structs import replace

pytest.importorskip("trl")

from harness.types import Recipe
from trainers import sft, trl
from trainers.publishing import round_trip

UNEVEN = Recipe(
    method="trl", learning_rate=1e-3, batch_size=8, max_steps=6, dtype="float32", warmup=0.0, schedule="constant"
)
"""Twenty rows in steps of eight: the last step of an epoch has four."""


@pytest.fixture
def unchecked(monkeypatch):
    """Leaves out the round trip in a fresh process, which costs seconds."""
    monkeypatch.setattr(round_trip, "certify", lambda *given: {})


def test_each_step_has_the_loss_that_sft_has(request_for, tmp_path, unchecked):
    """So the rows, their order and the weight of each token are the same, also in an epoch's last step."""
    theirs = trl.train(request_for(recipe=UNEVEN), lambda point, steps: None)
    ours = sft.train(
        request_for(recipe=replace(UNEVEN, method="sft"), out=str(tmp_path / "ours")), lambda point, steps: None
    )
    assert [point.loss for point in theirs.curve] == pytest.approx([point.loss for point in ours.curve], rel=2e-3)
    assert [point.epoch for point in theirs.curve] == [point.epoch for point in ours.curve]
    assert theirs.rows == ours.rows and theirs.tokens == ours.tokens


def test_the_adapter_is_certified_and_named_after_its_method(request_for):
    """By the round trip of a fresh process, and with how far a padded step is from single rows."""
    made = trl.train(request_for(recipe=replace(UNEVEN, max_steps=2)), lambda point, steps: None)
    assert made.method == "trl" and made.checks["round_trip"]["effect"] > 0
    assert made.checks["training"]["layout"] == "padded by TRL (right)" and made.checks["training"]["gradient"] < 1e-3


def test_a_killed_training_ends_in_the_same_bytes(request_for, tmp_path, unchecked):
    """It goes on from its newest whole checkpoint, with the rows that come next."""

    class Killed(Exception):
        pass

    def kill(point, steps):
        if point.step == 4:
            raise Killed

    request = request_for(recipe=replace(UNEVEN, checkpoint_every=1))
    with pytest.raises(Killed):
        trl.train(request, kill)
    points = []
    again = trl.train(request, lambda point, steps: points.append(point.step))
    whole = trl.train(replace(request, out=str(tmp_path / "whole")), lambda point, steps: None)
    assert points[0] > 1 and again.files == whole.files
