"""Apply the vocabulary layer at the least cost, in training and in serving."""

import inspect
from functools import cache
from typing import Any

from transformers import PreTrainedModel


def lay_out(model: PreTrainedModel) -> PreTrainedModel:
    """Have the vocabulary's layer read its positions in one block of memory; returns the model.

    `logits_to_keep` hands it a view into each row. Of such a view torch makes a product a row, each with a copy of the
    whole vocabulary's weights, which takes eight times as long on a CPU, and as much more memory as there are rows.
    """
    head = model.get_output_embeddings()
    if head is not None:
        head.register_forward_pre_hook(lambda module, given: (given[0].contiguous(), *given[1:]))
    return model


def accepts(model: PreTrainedModel, argument: str) -> bool:
    """Does the model's forward pass name this argument?"""
    kind: Any = type(model)
    return argument in _arguments(kind)


@cache
def _arguments(kind: Any) -> frozenset[str]:
    return frozenset(inspect.signature(kind.forward).parameters)
