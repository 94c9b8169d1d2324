import pytest
import torch

from harness.types import Recipe
from trainers.model import parameters
from trainers.training.descent import accumulate
from trainers.training.loss import IGNORE, collate, families, nll_sum, split

CPU = torch.device("cpu")


@pytest.fixture
def model(opened):
    """A LoRA model whose B matrices are not zero, so that every adapter weight has a gradient."""
    model = parameters.attach(opened.model, Recipe(rank=4))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    return model.train()


def gradient(model):
    flat = torch.cat([weight.grad.flatten() for weight in parameters.trainable(model)])
    model.zero_grad()
    return flat


def plainest(model, row):
    """The textbook loss of one row: whole logits, labels shifted by one."""
    ids = torch.tensor([row.ids])
    labels = torch.tensor([token if learn else IGNORE for token, learn in zip(row.ids, row.supervised, strict=True)])
    return torch.nn.functional.cross_entropy(
        model(ids).logits[0, :-1], labels[1:], ignore_index=IGNORE, reduction="sum"
    )


@pytest.mark.parametrize("share", [True, False])
def test_loss_and_gradient_are_those_of_the_plainest_loop(model, rows, share):
    """Padding, sharing the common start and projecting only answers change neither the loss nor any gradient."""
    expected = sum(plainest(model, row) for row in rows[:6])
    expected.backward()
    wanted = gradient(model)
    loss = nll_sum(model, collate(rows[:6], CPU, share))
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.allclose(gradient(model), wanted, rtol=1e-3, atol=1e-4 * wanted.abs().max())


def test_the_vocabulary_reads_one_block(model, rows):
    """The rows' last positions reach the vocabulary's layer in one block: of a view, torch would copy its weights a row."""
    given = []
    model.get_output_embeddings().register_forward_pre_hook(lambda module, args: given.append(args[0]))
    nll_sum(model, collate(rows[:6], CPU, share=False))
    assert given[-1].shape[0] == 6 and given[-1].shape[1] > 1 and given[-1].is_contiguous()


def test_the_common_start_runs_once(rows):
    """What all rows start with is taken out of the batch, and no supervised token or its predictor is in it."""
    batch = collate(rows[:6], CPU)
    assert batch.shared.shape[1] > 10
    assert all(row.first > batch.shared.shape[1] for row in rows[:6])
    assert (batch.targets != IGNORE).sum() == sum(sum(row.supervised) for row in rows[:6])


def test_rows_that_share_prompt_and_answer_still_learn_all_of_it(model, rows):
    """The same row three times over: every supervised token is predicted, and the loss is three times that of one."""
    batch = collate([rows[2]] * 3, CPU)
    assert batch.shared.shape[1] == rows[2].first - 1 and (batch.targets[0] != IGNORE).sum() == sum(rows[2].supervised)
    assert nll_sum(model, batch).item() == pytest.approx(3 * plainest(model, rows[2]).item(), rel=1e-5)


def test_a_split_step_has_the_gradient_of_a_whole_one(model, rows, monkeypatch):
    """One pass over eight rows and several passes over parts of them add up to the same gradient."""
    whole = accumulate(model, rows[:8])
    wanted = gradient(model)
    monkeypatch.setattr("trainers.training.loss.MAX_TOKENS", 2 * len(rows[7].ids))
    assert len(list(split(rows[:8], 400))) > 2
    assert accumulate(model, rows[:8]) == pytest.approx(whole, rel=1e-6)
    assert torch.allclose(gradient(model), wanted, rtol=1e-3, atol=1e-5 * wanted.abs().max())


def test_split_loses_no_row(rows, monkeypatch):
    """Every row stands in exactly one piece, also when a single row is more than a piece should hold."""
    monkeypatch.setattr("trainers.training.loss.MAX_TOKENS", 1)
    assert sorted(row.id for piece in split(rows, 400) for row in piece) == sorted(row.id for row in rows)


def test_rows_of_another_prompt_run_apart(model, rows):
    """One row that starts differently leaves the others their common start, and the gradient is that of all together."""
    odd = rows[7]._replace(ids=[1 if token != 1 else 2 for token in rows[7].ids])
    mixed = [*rows[:4], odd, *rows[4:7]]
    assert sorted(len(family) for family in families(mixed)) == [1, 7]
    whole = accumulate(model, mixed, "padded")
    wanted = gradient(model)
    assert accumulate(model, mixed) == pytest.approx(whole, rel=1e-5)
    assert torch.allclose(gradient(model), wanted, rtol=1e-3, atol=1e-4 * wanted.abs().max())


def test_rows_that_share_little_stay_together(rows):
    """Another forward pass costs more than the few tokens it would save."""
    assert len(families([rows[0], rows[0]._replace(ids=[9, *rows[0].ids[1:]])])) == 1


def test_activations_computed_again_give_the_same_gradient(base, model, rows):
    """Activation checkpointing trades time for memory and changes nothing else."""
    accumulate(model, rows[:4], "padded")
    wanted = gradient(model)
    other = parameters.attach(
        parameters.open_base(base, torch.float32).model, Recipe(rank=4, options={"activation_checkpointing": True})
    ).train()
    parameters.load_weights(other, parameters.weights(model))
    accumulate(other, rows[:4], "padded")
    assert any(module.gradient_checkpointing for module in other.modules() if hasattr(module, "gradient_checkpointing"))
    assert torch.allclose(gradient(other), wanted, rtol=1e-4, atol=1e-6)
