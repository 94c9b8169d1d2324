"""Train every weight: a full fine-tune, whose result is a checkpoint.

The weights are trained in float32: an update at these learning rates is often smaller than bfloat16 can hold.
"""

from harness.types import Recipe
from trainers.model.language_model import LanguageModel

FORM = "full"
DTYPE = "float32"
RATE = 0.1
WHY = "a tenth of LoRA's for a full fine-tune"


def attach(model: LanguageModel, recipe: Recipe) -> LanguageModel:
    """The model itself, with every weight to be trained."""
    return model.requires_grad_(True)
