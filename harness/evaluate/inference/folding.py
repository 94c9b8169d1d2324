"""Fold a low-rank adapter into the base's weights, where that gives the model that was trained."""

from collections import Counter
from typing import Any

from peft import PeftConfig, PeftModelForCausalLM
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import PreTrainedModel

from harness.errors import UsageError


def foldable(peft: Any) -> bool:
    """Does no adapted weight have a second place in the model? Tied embeddings do: folding would change both ends."""
    places = Counter(weight.data_ptr() for _, weight in peft.named_parameters(remove_duplicate=False))
    layers: Any = (module for module in peft.modules() if isinstance(module, BaseTunerLayer))
    return all(places[weight.data_ptr()] == 1 for layer in layers for weight in layer.get_base_layer().parameters())


def merged(base: PreTrainedModel, adapter: str) -> PreTrainedModel:
    """A base with the adapter of a folder in its weights, whatever it was trained beside.

    Raises UsageError where it cannot be: virtual tokens are no part of the weights, and a weight that is tied has two places.
    """
    config = PeftConfig.from_pretrained(adapter)
    if config.is_prompt_learning:
        raise UsageError("virtual tokens are no part of the weights", where=adapter, next='set [tune] adapter = "lora"')
    peft = PeftModelForCausalLM(base, config)
    peft.load_adapter(adapter, "default")
    if not foldable(peft):
        raise UsageError(
            "the adapter changes a weight that is tied to another, so it cannot be merged",
            where=adapter,
            next='set [tune] target_modules = "all-linear"',
        )
    whole: PreTrainedModel = peft.merge_and_unload(safe_merge=True)
    whole.eval()
    return whole


def fold(peft: Any) -> Any:
    """The model as it is served in float32: the base with the adapter in its weights, or beside them where that is right."""
    return peft.merge_and_unload() if foldable(peft) else peft
