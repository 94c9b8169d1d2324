"""What TRL's padded batches are for a family: as exact as one row at a time, or refused before anything is trained."""

from dataclasses import replace

import pytest
import torch

from harness.errors import InputError
from harness.evaluate.inference import general
from harness.types import Recipe
from tests.zoo.build import build
from tests.zoo.test_families import flat, rows_of, textbook
from trainers.model import parameters
from trainers.training import exactness, loss
from trainers.training.loss import masked_nll


def opened(name: str, folder):
    base = parameters.open_base(build(name, folder), torch.float32)
    model = parameters.attach(base.model, Recipe(rank=4, alpha=8))
    for each, weight in model.named_parameters():
        if "lora_B" in each:
            torch.nn.init.normal_(weight, std=0.05)
    return base, model, rows_of(base)


@pytest.mark.parametrize(
    ("family", "padding"),
    [("llama", "right"), ("llama", "both"), ("mistral_window_of_some_prompts", "right"), ("mamba", "right")],
)
def test_a_padded_step_is_the_textbook_step(tmp_path, family, padding):
    """Loss and gradient of rows padded as TRL pads them, and the figures for the manifest."""
    _, model, rows = opened(family, tmp_path)
    found = exactness.check_masked(model, rows, padding, "dpo")
    assert found["layout"] == f"padded by TRL ({padding})" and found["rows"] == 3 and found["gradient"] < 1e-3
    assert model.training and all(weight.grad is None for weight in parameters.trainable(model))
    expected, gradient = textbook(model.eval(), rows)
    model.zero_grad()
    total = masked_nll(model, rows, left=padding == "both")
    total.backward()
    assert total.item() == pytest.approx(expected, rel=1e-4)
    assert torch.allclose(flat(model), gradient, rtol=1e-3, atol=1e-4 * float(gradient.abs().max()))


@pytest.mark.filterwarnings("ignore:fan_in_fan_out")
def test_a_model_whose_positions_move_with_padding_is_refused(tmp_path):
    """GPT-2 counts positions from the first token of the row, which TRL puts before the prompts of a generated batch."""
    _, model, rows = opened("gpt2", tmp_path)
    assert exactness.check_masked(model, rows, "right", "dpo")
    with pytest.raises(InputError, match="grpo pads the rows of a step") as caught:
        exactness.check_masked(model, rows, "both", "grpo")
    assert 'method = "sft"' in caught.value.next


def test_a_mask_that_is_not_kept_to_is_found_out(tmp_path, monkeypatch):
    """A model that reads the padding of another row has another gradient."""
    _, model, rows = opened("llama", tmp_path)
    monkeypatch.setattr(
        exactness, "masked_nll", lambda model, rows, left: 1.01 * loss.masked_nll(model, rows, left=left)
    )
    with pytest.raises(InputError, match="off by"):
        exactness.check_masked(model, rows, "right", "dpo")


def test_generation_that_is_not_exact_in_padded_batches_is_refused(tmp_path, monkeypatch):
    """TRL has no other way to generate."""
    base, model, _ = opened("llama", tmp_path)
    exactness.check_rollouts(model, base.tokenizer, 60, "grpo")
    whole = general.General.generate

    def generate(self, prefix, rows, width, ends):
        if self.name == "padded":
            rows = [replace(row, tokens=row.tokens[1:]) for row in rows]
        return whole(self, prefix, rows, width, ends)

    monkeypatch.setattr(general.General, "generate", generate)
    with pytest.raises(InputError, match="grpo generates answers in padded batches"):
        exactness.check_rollouts(model, base.tokenizer, 60, "grpo")
