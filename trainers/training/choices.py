"""Choose recipe values that were left out, from the model's size and the data, each with its reason.

Learning rates: Hugging Face's and Thinking Machines' "LoRA Without Regret" and Unsloth's guides put LoRA at about 2e-4
for models of 1B weights and more; small models want more, and 1e-3 at 135M was measured here. Between the two the rate
falls as a power of the number of weights. Other kinds of adapters want a multiple of it (`trainers.adapters`). Steps:
at least 100, or the warm-up and the schedule have nothing to work on.
"""

import math
from typing import NamedTuple

from msgspec.structs import replace

from harness.types import Recipe
from trainers.model.kind import kind_of
from trainers.rows.batches import steps_per_epoch

SMALL, LARGE = 200e6, 1e9
RATE_SMALL, RATE_LARGE = 1e-3, 2e-4
LEAST_STEPS = 100
CHECKPOINTS = 10


class Filled(NamedTuple):
    recipe: Recipe
    """Without a None."""
    reasons: dict[str, str]
    """Knob to `value: why`, for those that were chosen."""

    @property
    def steps(self) -> int:
        assert self.recipe.max_steps is not None
        return self.recipe.max_steps


def fill(recipe: Recipe, weights: int, rows: int, longest: int) -> Filled:
    """The recipe with every None replaced. `weights`: size of the base; `longest`: tokens of the longest row it takes."""
    epochs, why_epochs = _epochs(recipe, rows)
    batch, why_batch = _batch(recipe, rows, epochs)
    rate, why_rate = _rate(recipe, weights)
    steps = recipe.max_steps or max(1, round(steps_per_epoch(rows, batch) * epochs))
    if recipe.max_steps and recipe.epochs is None:
        epochs, why_epochs = steps / steps_per_epoch(rows, batch), f"{steps} steps of {batch} rows each"
    every = recipe.checkpoint_every or max(1, math.ceil(steps / CHECKPOINTS))
    chosen = {
        "learning_rate": (rate, why_rate),
        "epochs": (epochs, why_epochs),
        "batch_size": (batch, why_batch),
        "max_steps": (steps, f"{epochs:g} epochs of {rows} rows, {batch} a step"),
        "checkpoint_every": (every, f"{CHECKPOINTS} checkpoints in {steps} steps"),
        "max_tokens": (recipe.max_tokens or longest, "as many as the model has positions for"),
    }
    missing = {knob: pair for knob, pair in chosen.items() if getattr(recipe, knob) is None}
    filled = replace(recipe, **{knob: value for knob, (value, _) in missing.items()})
    return Filled(filled, {knob: f"{value:g}: {why}" for knob, (value, why) in missing.items()})


def _epochs(recipe: Recipe, rows: int) -> tuple[float, str]:
    if recipe.epochs is not None:
        return recipe.epochs, ""
    if rows < 1000:
        return 3.0, f"{rows} rows are few, and three passes is where LoRA starts to overfit"
    return 2.0, f"{rows} rows are enough for two passes"


def _batch(recipe: Recipe, rows: int, epochs: float) -> tuple[int, str]:
    if recipe.batch_size is not None:
        return recipe.batch_size, ""
    for size in (16, 8, 4):
        steps = steps_per_epoch(rows, size) * epochs
        if steps >= LEAST_STEPS:
            return size, f"the largest of 16, 8 and 4 that leaves at least {LEAST_STEPS} steps ({steps:g})"
    return 4, f"the smallest; {rows} rows give fewer than {LEAST_STEPS} steps whatever the batch"


def _rate(recipe: Recipe, weights: int) -> tuple[float, str]:
    if recipe.learning_rate is not None:
        return recipe.learning_rate, ""
    slope = math.log(RATE_LARGE / RATE_SMALL) / math.log(LARGE / SMALL)
    rate = RATE_SMALL * (min(max(weights, SMALL), LARGE) / SMALL) ** slope
    kind = kind_of(recipe)
    return float(f"{rate * kind.rate:.2g}"), f"{kind.why} on {weights / 1e6:.0f}M weights"
