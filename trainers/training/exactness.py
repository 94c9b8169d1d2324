"""Choose how the rows of a batch are read: the cheapest layout with the loss and gradient of one row at a time.

Sharing a common start is exact in full causal attention and wrong in a sliding window; padding is right for most models,
not for all. So before the first step a few training rows go through each layout in turn, and their loss and gradient are
compared with those of the same rows one at a time. More than rounding (`harness.evaluate.inference.rounding`) off, or a
failure, and the next layout is tried. The findings are recorded in the adapter's manifest.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from os.path import commonprefix
from typing import Literal, NamedTuple

import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from harness.errors import InputError, TrueupError, UsageError
from harness.evaluate.inference.acceptance import WORKS
from harness.evaluate.inference.check import TEXT, examine
from harness.evaluate.inference.rounding import FACTOR, perturbed
from harness.evaluate.inference.ways import Shared
from harness.types import Json, Recipe
from trainers.model import parameters
from trainers.model.greedy import way_of_transformers
from trainers.model.language_model import LanguageModel, base_of
from trainers.model.memory import fitting
from trainers.rows.tokens import TokenRow
from trainers.training.loss import Layout, collate, masked_nll, nll_sum, pieces, plain_nll

LAYOUTS: tuple[Layout, ...] = ("shared", "padded", "single")
Masked = Literal["right", "both"]
"""How TRL pads the rows of a step: on the right; or prompts on the left and answers on the right, as they were generated."""
Losses = Callable[[], Iterable[torch.Tensor]]
LEAST = 1e-4
"""Noise that is always allowed for, as a share of loss and gradient norm: an attention kernel with a mask rounds otherwise than
one without, which the perturbed pass does not show. Times `FACTOR` that is 1e-3. SmolLM2-135M in float32 is off by 5.1e-5 in
both layouts, where the perturbed pass shows 4e-6; sharing in a window of 16 tokens is off by 0.55."""


class ChosenLayout(NamedTuple):
    layout: Layout
    findings: dict[str, Json]
    """For the manifest: the layout, how far it is from one row at a time, and why others were refused."""


def choose(
    model: LanguageModel, rows: Sequence[TokenRow], recipe: Recipe, tokenizer: PreTrainedTokenizerBase
) -> ChosenLayout:
    """The layout for training `model` on `rows`. The model is left in training mode, without gradients.

    Raises InputError when no layout is exact, UsageError when the adapter is virtual tokens and the base cannot have keys and values put before a row.
    """
    _refuse_virtual_tokens(model, tokenizer)
    if recipe.dropout or parameters.recomputed(recipe):
        refused = {"shared": "dropout" if recipe.dropout else "activations are computed again"}
    else:
        refused = {}
    sample = _sample(rows)
    with fitting(f"a step of {len(sample)} rows, the longest of {len(sample[0].ids)} tokens"):
        return _first_exact(model.eval(), sample, refused)


def _first_exact(model: LanguageModel, sample: Sequence[TokenRow], refused: dict[str, str]) -> ChosenLayout:
    weights = parameters.trainable(model)
    plain = TrialStep(model, losses(model, sample))
    with perturbed(model):
        noise = plain.distance(TrialStep(model, losses(model, sample)))
    for layout in LAYOUTS:
        if layout in refused:
            continue
        try:
            off = plain.distance(TrialStep(model, losses(model, sample, layout)))
        except TrueupError:
            raise
        except Exception as error:  # whatever a model's own code raises when it is called in a way it does not know
            refused[layout] = f"{type(error).__name__}: {str(error)[:200]}"
            continue
        allowed = noise.scaled(FACTOR, least=LEAST)
        if off.loss <= allowed.loss and off.gradient <= allowed.gradient:
            break
        refused[layout] = f"gradient off by {off.gradient:.2g}, where rounding explains {allowed.gradient:.2g}"
    else:
        raise InputError(f"a training step is not exact for this model in any layout: {refused}", next=WORKS)
    for weight in weights:
        weight.grad = None
    model.train()
    findings: dict[str, Json] = {"layout": layout, "rows": len(sample), "loss": off.loss, "gradient": off.gradient}
    more = {"refused": dict(refused), "left_out": getattr(model, "left_out", {}), "idle": plain.idle(model)}
    return ChosenLayout(layout, findings | {name: value for name, value in more.items() if value})


def check_masked(model: LanguageModel, rows: Sequence[TokenRow], padding: Masked, method: str) -> dict[str, Json]:
    """How far a step on rows that TRL pads is from the same rows one at a time; for the manifest.

    Raises InputError when that is more than rounding: TRL has no other layout. The model is left in training mode, without
    gradients.
    """
    sample = _sample(rows)
    with fitting(f"a step of {len(sample)} rows, the longest of {len(sample[0].ids)} tokens"):
        off = check_step(model, partial(losses, model, sample), partial(losses, model, sample, padding), method)
    return {"layout": f"padded by TRL ({padding})", "rows": len(sample), "loss": off.loss, "gradient": off.gradient}


def check_step(model: LanguageModel, plain: Losses, padded: Losses, method: str) -> "StepDistance":
    """How far a step on padded rows is from the same rows one at a time, each given by its losses.

    Raises InputError when that is more than rounding. The model is left in training mode, without gradients.
    """
    model.eval()
    single = TrialStep(model, plain())
    with perturbed(model):
        allowed = single.distance(TrialStep(model, plain())).scaled(FACTOR, least=LEAST)
    off = single.distance(TrialStep(model, padded()))
    for weight in parameters.trainable(model):
        weight.grad = None
    model.train()
    if off.loss > allowed.loss or off.gradient > allowed.gradient:
        raise InputError(
            f"{method} pads the rows of a step, and the gradient of this model is then off by {off.gradient:.2g}, where "
            f"rounding explains {allowed.gradient:.2g}",
            next='set [tune] method = "sft", which has other layouts',
        )
    return off


def check_rollouts(model: LanguageModel, tokenizer: PreTrainedTokenizerBase, longest: int, method: str) -> None:
    """Raises InputError when answers that TRL generates in padded batches are not those of the plain forward pass.

    `longest`: tokens of the longest prompt with its answer.
    """
    way = way_of_transformers(model, tokenizer, longest)
    if way.name != "padded":
        raise InputError(
            f"{method} generates answers in padded batches, which are not exact for this model (only {way.name} is)",
            next='set [tune] method = "sft"',
        )


class StepDistance(NamedTuple):
    """How far one step is from another, as shares of the other's loss and gradient norm."""

    loss: float
    gradient: float

    def scaled(self, factor: float, least: float) -> "StepDistance":
        return StepDistance(factor * max(self.loss, least), factor * max(self.gradient, least))


class TrialStep:
    """Loss and gradient of one step, summed over the losses of its parts."""

    def __init__(self, model: LanguageModel, losses: Iterable[torch.Tensor]) -> None:
        weights = parameters.trainable(model)
        for weight in weights:
            weight.grad = None
        self.loss = 0.0
        for loss in losses:
            loss.backward()
            self.loss += loss.item()
        self._gradients = [weight.grad for weight in weights]

    def idle(self, model: LanguageModel) -> list[str]:
        """Names of trained weights that these rows give no gradient: experts they are not routed to, for example."""
        names = (name for name, weight in model.named_parameters() if weight.requires_grad)
        return [name for name, gradient in zip(names, self._gradients, strict=True) if gradient is None]

    def distance(self, other: "TrialStep") -> StepDistance:
        """How far `other` is from this one."""
        square = off = 0.0
        for mine, its in zip(self._gradients, other._gradients, strict=True):
            if mine is not None:
                square += float(mine.double().square().sum())
            if mine is not None or its is not None:
                off += float(_minus(mine, its).square().sum())
        return StepDistance(
            abs(other.loss - self.loss) / max(abs(self.loss), 1e-12), (off**0.5) / max(square**0.5, 1e-12)
        )


def losses(
    model: LanguageModel, rows: Sequence[TokenRow], layout: Layout | Masked | None = None
) -> Iterator[torch.Tensor]:
    """The losses of some rows in a layout, or by the plainest call, row by row."""
    if layout is None:
        yield from (plain_nll(model, row) for row in rows)
        return
    if layout == "right" or layout == "both":
        yield masked_nll(model, rows, left=layout == "both")
        return
    for piece in pieces(rows, model.config.get_text_config().vocab_size, layout):
        yield nll_sum(model, collate(piece, model.device, layout == "shared"))


def _minus(mine: torch.Tensor | None, its: torch.Tensor | None) -> torch.Tensor:
    if mine is None or its is None:
        present = mine if mine is not None else its
        assert present is not None
        return present.double()
    return mine.double() - its.double()


def _sample(rows: Sequence[TokenRow]) -> list[TokenRow]:
    """The longest row, the row that begins most like it, and the shortest: sharing and padding both have work to do."""
    longest = max(rows, key=lambda row: len(row.ids))
    others = [row for row in rows if row is not longest]
    if not others:
        return [longest, longest]
    nearest = max(others, key=lambda row: len(commonprefix([row.ids, longest.ids])))
    shortest = min(others, key=lambda row: len(row.ids))
    return [longest, nearest] if shortest is nearest else [longest, nearest, shortest]


def _refuse_virtual_tokens(model: LanguageModel, tokenizer: PreTrainedTokenizerBase) -> None:
    if not (isinstance(model, PeftModel) and model.active_peft_config.is_prompt_learning):
        return
    base = base_of(model)
    own = base.config._attn_implementation
    finding = examine(base.eval(), tokenizer(TEXT, add_special_tokens=False)["input_ids"])
    base.set_attn_implementation(own)
    if finding.ways != (Shared.name,):
        raise UsageError(
            f"virtual tokens cannot be put before this model's text: {finding.refused or 'its layers see a window'}",
            next='set [tune] adapter = "lora"',
        )
