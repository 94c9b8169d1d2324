"""Fold a low-rank adapter into the base's weights, where that gives the model that was trained."""

from collections import Counter
from typing import Any

from peft.tuners.tuners_utils import BaseTunerLayer


def foldable(peft: Any) -> bool:
    """Does no adapted weight have a second place in the model? Tied embeddings do: folding would change both ends."""
    places = Counter(weight.data_ptr() for _, weight in peft.named_parameters(remove_duplicate=False))
    layers: Any = (module for module in peft.modules() if isinstance(module, BaseTunerLayer))
    return all(places[weight.data_ptr()] == 1 for layer in layers for weight in layer.get_base_layer().parameters())


def fold(peft: Any) -> Any:
    """The model as it is served in float32: the base with the adapter in its weights, or beside them where that is right."""
    return peft.merge_and_unload() if foldable(peft) else peft
