"""Optimise the trained weights by AdamW: exact under splitting, resumable to the bit on CPU.

The loss of a step is summed over all supervised tokens of its rows and divided by their number, however many forward
passes it takes, so a split step has the gradient of a whole one. Nothing carries over from step to step but weights,
moments and the step's number: batches and dropout are functions of seed and step.
"""

import math
import time
from collections.abc import Callable, Sequence
from itertools import islice

import torch
from msgspec.structs import replace

from harness.errors import InvalidError
from harness.types import CurvePoint, Recipe
from trainers.model import parameters
from trainers.model.language_model import LanguageModel
from trainers.model.memory import fitting
from trainers.rows.batches import schedule, steps_per_epoch
from trainers.rows.tokens import TokenRow
from trainers.training import processes
from trainers.training.checkpoints import Shelf, TrainingState
from trainers.training.loss import Layout, collate, nll_sum, pieces
from trainers.training.validation import Exam, choose, due, spent

OnPoint = Callable[[CurvePoint, int], None]
CURVE_POINTS = 100
"""Most points of the curve that the manifest keeps."""


def descend(
    model: LanguageModel,
    rows: Sequence[TokenRow],
    recipe: Recipe,
    shelf: Shelf,
    on_point: OnPoint,
    layout: Layout = "padded",
    exam: Exam | None = None,
) -> tuple[CurvePoint, ...]:
    """Train `model` in place on `rows` under a filled recipe, from the newest checkpoint on; returns the curve.

    `layout`: how the rows of a batch are read, as `trainers.training.exactness` chose it. With an `exam` the training is
    measured as it goes, stops when that brings nothing more, and leaves the weights of the checkpoint that
    `validation.choose` names.
    Raises InvalidError when loss or gradient is not a number, before that step changes a weight, and InputError when the
    rows do not fit into memory.
    """
    assert recipe.batch_size and recipe.max_steps and recipe.learning_rate and recipe.checkpoint_every
    steps, epoch = recipe.max_steps, steps_per_epoch(len(rows), recipe.batch_size)
    optimizer = torch.optim.AdamW(
        parameters.trainable(model), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    state = shelf.resume(model, optimizer)
    if exam and not state.curve:
        state = _reached(state, exam.before(model), steps, on_point)
    batches = schedule([len(row.ids) for row in rows], recipe.batch_size, steps, recipe.seed)
    began = time.monotonic() - (state.curve[-1].seconds if state.curve else 0.0)
    model.train()
    for step, batch in enumerate(islice(batches, state.step, None), state.step + 1):
        if spent(state.curve, recipe.patience):
            break
        rate = recipe.learning_rate * rate_share(step, steps, recipe)
        value = _step(model, optimizer, [rows[place] for place in batch], recipe, step, rate, layout)
        point = CurvePoint(
            step=step, epoch=step / epoch, loss=value, learning_rate=rate, seconds=time.monotonic() - began
        )
        measured = exam is not None and bool(exam) and due(step, steps)
        if exam and measured:
            point = exam.measure(model, point)
        state = replace(_reached(state, point, steps, on_point), epoch_end=step % epoch == 0)
        if measured or (step < steps and (step % recipe.checkpoint_every == 0 or state.epoch_end)):
            best = choose(state.curve)
            shelf.save(model, optimizer, state, best.step if best else 0)
    best = choose(state.curve)
    if best and best.step != state.step:
        shelf.load(model, best.step)
    return thin(state.curve)


def _reached(state: TrainingState, point: CurvePoint, steps: int, on_point: OnPoint) -> TrainingState:
    if processes.first():
        on_point(point, steps)
    return replace(state, step=point.step, curve=(*state.curve, point))


def rate_share(step: int, steps: int, recipe: Recipe) -> float:
    """Learning rate of step 1..steps as a share of the highest: linear warm-up, then the recipe's schedule to 0."""
    warm = max(1, round(recipe.warmup * steps))
    if step <= warm:
        return step / warm
    left = (steps - step + 1) / (steps - warm + 1)
    return {"linear": left, "cosine": (1 - math.cos(math.pi * left)) / 2, "constant": 1.0}[recipe.schedule]


def thin(curve: Sequence[CurvePoint]) -> tuple[CurvePoint, ...]:
    """At most about `CURVE_POINTS` points: each the last of its stretch, with the stretch's mean loss; and all measured."""
    width = -(-len(curve) // CURVE_POINTS)
    if width <= 1:
        return tuple(curve)
    stretches = [curve[start : start + width] for start in range(0, len(curve), width)]
    means = {part[-1].step: sum(point.loss for point in part) / len(part) for part in stretches}
    kept = (point for point in curve if point.step in means or point.score is not None)
    return tuple(replace(point, loss=means.get(point.step, point.loss)) for point in kept)


def _step(
    model: LanguageModel,
    optimizer: torch.optim.Optimizer,
    rows: Sequence[TokenRow],
    recipe: Recipe,
    step: int,
    rate: float,
    layout: Layout,
) -> float:
    """One optimizer step at learning rate `rate`; returns its loss in nats a supervised token."""
    torch.manual_seed(recipe.seed * 1_000_003 + step + 7919 * processes.number())
    longest = max(len(row.ids) for row in rows)
    with fitting(f"a step of {len(rows)} rows, the longest of {longest} tokens"):
        value = accumulate(model, rows, layout)
    norm = torch.nn.utils.clip_grad_norm_(parameters.trainable(model), recipe.max_grad_norm)
    if not (math.isfinite(value) and torch.isfinite(norm)):
        raise InvalidError(
            f"training went wrong at step {step}: the {'gradient' if math.isfinite(value) else 'loss'} is not a number",
            next="lower [tune] learning_rate, or set dtype to float32; nothing was written",
        )
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad()
    return value


def accumulate(model: LanguageModel, rows: Sequence[TokenRow], layout: Layout = "shared") -> float:
    """Add the gradient of the rows' mean loss a supervised token to the weights; returns that loss.

    Of several processes each runs its share of the rows, and all end with the whole gradient and loss.
    """
    tokens = sum(sum(row.supervised) for row in rows)
    total = 0.0
    vocabulary = model.config.get_text_config().vocab_size
    mine = processes.share(rows)
    for piece in pieces(mine, vocabulary, layout):
        loss = nll_sum(model, collate(piece, model.device, layout == "shared")) / tokens
        loss.backward()
        total += loss.item()
    return processes.add(parameters.trainable(model), total)
