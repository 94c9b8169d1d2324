"""A reward model from pairs: it learns, is loaded again, judges in a suite, and is refused as an arm."""

import pytest
from msgspec.structs import replace

pytest.importorskip("trl")

from harness.core.adapters import verify
from harness.core.codec import write_lines
from harness.errors import InputError, InvalidError, UsageError
from harness.evaluate import score
from harness.types import Arm, Recipe
from trainers import reward


@pytest.fixture
def request_on_pairs(request_for, cases, tmp_path):
    """Every answer to prefer says `It is`, every answer to avoid says `No idea`: easily told apart."""
    rows = [replace(case, rejected=f"No idea {n}.") for n, case in enumerate(cases)]
    write_lines(tmp_path / "data" / "train.jsonl", rows)
    options = {"length_bias": "accept"}
    return request_for(
        recipe=Recipe(
            method="reward", learning_rate=3e-3, batch_size=4, max_steps=12, rank=4, dtype="float32", options=options
        )  # rounding in bfloat16, where the processor has it, is larger than the differences that are asked for
    )


def test_a_reward_model_tells_right_from_wrong_and_judges_in_a_suite(request_on_pairs, base):
    """On pairs it did not train on it prefers the right answer; a fresh process gives the same rewards; the scorer asks
    it; and an arm is refused it."""
    adapter = reward.train(request_on_pairs, lambda point, steps: None)
    assert adapter.form == "reward" and adapter.checks["reward"]["accuracy"] > 0.9
    assert adapter.checks["round_trip"]["difference"] <= reward.TOLERANCE
    assert adapter.checks["training"]["gradient"] < 1e-3
    assert adapter.rows["trained"] + adapter.rows["validation"] == 20
    given = {"adapter": request_on_pairs.out, "base": str(base)}
    good = score.reward("It is 31.", "What comes after 30?", **given)
    bad = score.reward("No idea 31.", "What comes after 30?", **given)
    assert 0.0 <= bad.value < good.value <= 1.0
    with pytest.raises(InvalidError, match="is a reward model"):
        verify(request_on_pairs.out, base)
    from harness.evaluate.backends import hf

    with pytest.raises(InvalidError, match="is a reward model"):
        hf.digest(Arm(name="tuned", model=str(base), adapter=request_on_pairs.out))


def test_a_step_on_padded_pairs_that_is_not_exact_is_refused(request_on_pairs, monkeypatch):
    """As where a model reads the padding: here the batch does not say which tokens are padding."""
    make = reward._trainer

    def unmasked(*given):
        trainer = make(*given)
        collate = trainer.data_collator
        trainer.data_collator = lambda rows: {
            "input_ids": (ids := collate(rows)["input_ids"]).roll(1, 1),
            "attention_mask": ids * 0 + 1,
        }
        return trainer

    monkeypatch.setattr(reward, "_trainer", unmasked)
    with pytest.raises(InputError, match="pads the rows of a step"):
        reward.train(request_on_pairs, lambda point, steps: None)


@pytest.mark.slow
def test_a_preview_shows_pairs_and_an_estimate_the_rows_kept_aside(request_on_pairs, tmp_path):
    """Both answers of a pair are shown; the estimate counts the pairs that check apart from those that train."""
    shown = reward.preview(request_on_pairs, 1)
    assert {"supervised", "rejected"} <= {kind for _, kind in shown.rows[0].tokens}
    cost = reward.estimate(request_on_pairs)
    assert cost.rows["trained"] + cost.rows["validation"] == 20 and cost.steps == 12 and cost.seconds > 0
    assert not (tmp_path / "adapter").exists()


def test_a_reward_model_no_better_than_a_coin_is_refused(request_on_pairs, tmp_path, monkeypatch):
    """Where it prefers the wrong answer as often, nothing is published."""
    monkeypatch.setattr(reward, "accuracy", lambda model, rows: 0.5)
    lazy = replace(request_on_pairs, recipe=replace(request_on_pairs.recipe, max_steps=1))
    with pytest.raises(InvalidError, match="no better than a coin"):
        reward.train(lazy, lambda point, steps: None)
    assert not (tmp_path / "adapter").exists()


def test_a_kind_without_a_head_is_refused(request_on_pairs):
    """Prompt tuning has no place for the reward's head."""
    with pytest.raises(UsageError, match="kind 'prompt'"):
        reward.train(replace(request_on_pairs, recipe=replace(request_on_pairs.recipe, adapter="prompt")), print)
