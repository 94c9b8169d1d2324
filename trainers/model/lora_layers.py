"""Attach low-rank adapters, arXiv 2106.09685: the weights that all of its variants share."""

from typing import Any

from peft import LoraConfig, get_peft_model

from harness.types import Recipe


def attach(model: Any, recipe: Recipe, **variant: Any) -> Any:
    """The model with low-rank weights beside its linear layers, in float32; they start as no change at all.

    `variant`: what a variant sets on PEFT's `LoraConfig`.
    """
    targets = recipe.target_modules
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=targets if targets == "all-linear" else [part.strip() for part in targets.split(",")],
        **variant,
    )
    return get_peft_model(model, config)
