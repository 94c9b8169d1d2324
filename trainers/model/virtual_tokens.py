"""Attach virtual tokens before the text, learnt as embeddings or as keys and values.

They are computed once a step and every row attends to them, as to any other common start (`trainers.training.loss`).
"""

from peft import PeftModel
from transformers import DynamicCache

from harness.errors import UsageError
from harness.types import Recipe
from trainers.model.language_model import base_of

TOKENS, OPTION = 20, "virtual_tokens"
"""Virtual tokens, unless this key of `[tune.options]` says otherwise."""


def count(recipe: Recipe) -> int:
    """Raises UsageError when it is not a number of tokens."""
    tokens = recipe.options.get(OPTION, TOKENS)
    if not isinstance(tokens, int) or tokens < 1:
        raise UsageError(f"{OPTION} is {tokens!r}, not a number of tokens", next=f"options = {{ {OPTION} = {TOKENS} }}")
    return tokens


def start(peft: PeftModel) -> DynamicCache:
    """Keys and values of the virtual tokens, for one row, with gradients: what every row's text comes after."""
    prompt = peft.get_prompt(1)
    if isinstance(prompt, DynamicCache):
        return prompt
    base = base_of(peft)
    embeddings = prompt.to(base.dtype)
    cache: DynamicCache = base(inputs_embeds=embeddings, use_cache=True, logits_to_keep=1).past_key_values
    return cache
