"""Choose where a second stage starts: the base, an existing adapter, or a supervised stage that is run first."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import safetensors.torch
from msgspec.structs import replace
from peft import PeftModel

from harness.core.adapters import verify
from harness.errors import UsageError
from harness.types import Adapter, Estimate, Recipe, TuneRequest
from trainers import sft
from trainers.model import parameters
from trainers.model.language_model import LanguageModel
from trainers.publishing import adapter_folder
from trainers.training.descent import OnPoint

BASE, SFT, ADAPTER = "base", "sft", "adapter"
SHAPE = ("adapter", "rank", "alpha", "dropout", "target_modules")
"""Recipe fields that an adapter's weights depend on: a second stage has those of the first."""
OWN = ("learning_rate", "epochs", "max_steps", "batch_size", "checkpoint_every")
"""Recipe fields that say how a stage runs: the supervised stage has its own, `[tune.options.sft]`, or what is chosen."""


class Start(NamedTuple):
    recipe: Recipe
    """The request's, with the shape of the adapter it starts from."""
    adapter: Adapter | None
    """What is started from; None: the base."""
    folder: Path | None

    @property
    def id(self) -> str:
        return self.adapter.id if self.adapter else ""


def begin(request: TuneRequest, start: str, stage: dict[str, Any], on_point: OnPoint) -> Start:
    """What `options.start` names: `base`, `sft` (a supervised stage under `stage`'s knobs, run now unless it was), or an
    adapter's folder.

    Raises UsageError on unknown knobs or a folder that holds a whole checkpoint, InvalidError on an adapter of another
    base.
    """
    if start == BASE:
        return Start(request.recipe, None, None)
    if start == SFT:
        folder = Path(f"{request.out}.checkpoints") / SFT
        folder.parent.mkdir(parents=True, exist_ok=True)
        adapter = sft.train(replace(request, out=str(folder), recipe=_supervised(request.recipe, stage)), on_point)
    else:
        folder = Path(start)
        adapter = verify(folder, request.base)
        if adapter.form != ADAPTER:
            raise UsageError(
                f"there is no adapter to start from, but a model that is {adapter.form}",
                where=str(folder),
                next='start from one that was trained with [tune] form = "adapter"',
            )
    return _start(request, adapter.recipe, adapter, folder)


def _start(request: TuneRequest, first: Recipe, adapter: Adapter | None, folder: Path | None) -> Start:
    shape = {name: getattr(first, name) for name in SHAPE}
    return Start(replace(request.recipe, **shape), adapter, folder)


class Foreseen(NamedTuple):
    """What is known of a start before anything is trained."""

    start: Start
    first: Estimate | None
    """Cost of the supervised stage; None where none comes first."""

    def joined(self, second: Estimate, name: str) -> Estimate:
        """The cost of both stages. `name`: what the second one is called."""
        if self.first is None:
            return second
        stages = {"stages": f"{self.first.steps:,} steps of supervised training, then {second.steps:,} of {name}"}
        return replace(
            second,
            steps=self.first.steps + second.steps,
            seconds=self.first.seconds + second.seconds,
            peak_bytes=max(self.first.peak_bytes, second.peak_bytes),
            choices=second.choices | {f"supervised {knob}": why for knob, why in self.first.choices.items()},
            details=stages | second.details,
        )


def foresee(request: TuneRequest, start: str, stage: dict[str, Any]) -> Foreseen:
    """As `begin`, without training: the supervised stage is estimated."""
    if start != SFT:
        return Foreseen(begin(request, start, stage, lambda point, steps: None), None)
    recipe = _supervised(request.recipe, stage)
    return Foreseen(_start(request, recipe, None, None), sft.estimate(replace(request, recipe=recipe)))


def attach(model: LanguageModel, start: Start) -> LanguageModel:
    """The model with the adapter to train: fresh, or with the weights that it starts from.

    Raises UsageError on a kind of adapter that leaves no frozen model to hold the trained one against.
    """
    attached = parameters.attach(model, start.recipe)
    if not isinstance(attached, PeftModel) or attached.active_peft_config.is_prompt_learning:
        raise UsageError(
            f"{start.recipe.method} does not train an adapter of kind {start.recipe.adapter!r}",
            next='set [tune] adapter = "lora", or another kind of LoRA',
        )
    if start.folder is not None:
        parameters.load_weights(attached, safetensors.torch.load_file(start.folder / adapter_folder.WEIGHTS))
    return attached


def _supervised(recipe: Recipe, stage: dict[str, Any]) -> Recipe:
    knobs = {**dict.fromkeys(OWN), **stage}
    unknown = sorted(set(knobs) - set(Recipe.__struct_fields__))
    if unknown:
        raise UsageError(f"the supervised stage has no knob {unknown[0]!r}", next=f"known: {', '.join(OWN)}")
    plain = msgspec.to_builtins(replace(recipe, method=SFT, options={}, form=ADAPTER))
    return msgspec.convert({**plain, **knobs}, Recipe)
