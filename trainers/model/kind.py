"""Read what a kind of adapter declares, with the defaults for what it leaves out."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from harness.core.plugins import load
from harness.types import Json, Recipe

if TYPE_CHECKING:
    from trainers.model.language_model import LanguageModel


class Kind(NamedTuple):
    """A kind's constants, named in its module as the fields are here, in capitals."""

    attach: "Callable[[LanguageModel, Recipe], LanguageModel]"
    quantization: dict[str, Json] = {}
    """How the base is quantized under it: arguments of transformers' BitsAndBytesConfig."""
    form: str = "adapter"
    """`full` when the result is a whole checkpoint."""
    dtype: str = ""
    """Number format of the trained model where the recipe says auto; empty: what the processor multiplies best."""
    rate: float = 1.0
    """Its learning rate as a multiple of LoRA's."""
    why: str = "for LoRA"
    """Reason for that rate."""
    unserved: str = ""
    """What to set instead where a model server cannot be given it beside its base; empty: it can."""
    options: tuple[str, ...] = ()
    """Keys of `[tune.options]` that it reads."""


def kind_of(recipe: Recipe) -> Kind:
    """Raises UsageError on an unknown kind, naming the known ones, or when a package that it needs is not there."""
    module = load("adapters", recipe.adapter)
    given = {name: getattr(module, name.upper()) for name in Kind._field_defaults if hasattr(module, name.upper())}
    return Kind(module.attach, **given)
