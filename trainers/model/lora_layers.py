"""Attach low-rank adapters, arXiv 2106.09685: the weights that all of its variants share."""

from typing import Any, cast

from peft import LoraConfig, get_peft_model

from harness.types import Recipe
from trainers.model.language_model import LanguageModel
from trainers.model.targets import ALL, targets_of, without_routers


def attach(model: LanguageModel, recipe: Recipe, **variant: Any) -> LanguageModel:
    """The model with low-rank weights beside its linear layers, in float32; they start as no change at all.

    `variant`: what a variant sets on PEFT's `LoraConfig`. The model's `left_out` names layers without an adapter, and why.
    """
    targets = targets_of(model, recipe.target_modules)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=targets.target_modules,
        exclude_modules=targets.exclude_modules,
        **variant,
    )
    routers = without_routers(config, model) if recipe.target_modules == ALL else {}
    attached: Any = get_peft_model(model, config)
    attached.left_out = targets.left_out | routers
    return cast(LanguageModel, attached)
