"""Name the type of what is trained: a base model, or one with an adapter around it."""

from typing import cast

from peft import PeftModel
from transformers import PreTrainedModel

LanguageModel = PreTrainedModel | PeftModel


def base_of(model: LanguageModel) -> PreTrainedModel:
    """The model without what an adapter puts around it."""
    return cast(PreTrainedModel, model.get_base_model()) if isinstance(model, PeftModel) else model
