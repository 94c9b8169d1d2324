"""Adapters that stand before the text: virtual tokens, learnt as embeddings or as keys and values.

They are computed once a step and every row attends to them, as to any other common start (`trainers.loss`).
"""

from typing import Any

from transformers import DynamicCache

from harness.types import Recipe

TOKENS = 20
"""Virtual tokens unless `options.virtual_tokens` says otherwise."""


def count(recipe: Recipe) -> int:
    return int(recipe.options.get("virtual_tokens", TOKENS))


def start(peft: Any) -> DynamicCache:
    """Keys and values of the virtual tokens, for one row, with gradients: what every row's text comes after."""
    prompt = peft.get_prompt(1)
    if isinstance(prompt, DynamicCache):
        return prompt
    base = peft.get_base_model()
    embeddings = prompt.to(base.dtype)
    return base(inputs_embeds=embeddings, use_cache=True, logits_to_keep=1).past_key_values
