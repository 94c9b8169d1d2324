"""Make the form that ships: the adapter, adapter and base merged into one checkpoint, or that checkpoint in 4 bits.

Merging rounds, quantizing rounds a lot more, and merging into a quantized base is neither of the two models that were
trained. So the form is made here, before anything is scored: what the gate judges is what ships. How far it is from the
trained model is measured on rows and stands in the manifest.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from harness.core.plugins import says
from harness.errors import UsageError
from harness.evaluate.inference.folding import foldable, merged
from harness.types import Json, Recipe, TuneRequest
from trainers.model import parameters
from trainers.model.language_model import LanguageModel
from trainers.publishing import adapter_folder, round_trip
from trainers.rows.tokens import TokenRow

ROWS = 16


def refuse(recipe: Recipe, model: LanguageModel) -> None:
    """Raises UsageError when the recipe asks for a form that its adapter kind does not have."""
    whole = not isinstance(model, PeftModel)
    virtual = isinstance(model, PeftModel) and model.active_peft_config.is_prompt_learning
    if recipe.form != "adapter" and virtual or recipe.form == "merged" and whole:
        why = "virtual tokens are no part of the weights" if virtual else "a full fine-tune is one checkpoint already"
        raise UsageError(
            f'form = "{recipe.form}" does not go with adapter = "{recipe.adapter}": {why}',
            next='set [tune] adapter = "lora"' if virtual else 'leave [tune] form out, or set it to "adapter"',
        )
    if recipe.form != "adapter" and not whole and not foldable(model):
        raise UsageError(
            f'form = "{recipe.form}" does not go with target_modules = "{recipe.target_modules}": the weight is tied to another',
            next='leave [tune] form out, or set target_modules = "all-linear"',
        )


def shaped(
    model: LanguageModel, request: TuneRequest, scratch: Path, rows: Sequence[TokenRow]
) -> tuple[LanguageModel, dict[str, Json]]:
    """The trained model in the form of the request's recipe, and how far that is from it.

    `scratch` is a folder for what is needed in between; it may be removed afterwards. The measures: `kl`, the mean of
    KL(trained || form) in nats a supervised token, and `greedy`, the share of them with the same likeliest token.
    """
    form = request.recipe.form
    if form == "adapter":
        return model, {}
    chosen = list(rows[:: max(1, len(rows) // ROWS)][:ROWS])
    trained = round_trip.logits_of(model, chosen)
    shipped = model
    if isinstance(model, PeftModel):
        shipped = _merged(model, request, adapter_folder.fresh(scratch / "adapter"))
    if form == "quantized":
        shipped = _quantized(shipped, request, adapter_folder.fresh(scratch / "merged"))
    return shipped, distance(trained, round_trip.logits_of(shipped, chosen))


def distance(trained: torch.Tensor, shipped: torch.Tensor) -> dict[str, Json]:
    """Both: [positions, vocabulary]."""
    expected, actual = trained.float().log_softmax(-1), shipped.float().log_softmax(-1)
    kl = torch.nn.functional.kl_div(actual, expected, log_target=True, reduction="batchmean").item()
    same = (expected.argmax(-1) == actual.argmax(-1)).float().mean().item()
    return {"kl": kl, "greedy": same, "tokens": len(expected)}


def _merged(model: LanguageModel, request: TuneRequest, folder: Path) -> PreTrainedModel:
    """The adapter folded into the base as its files say it: unquantized, also where the training had it in 4 bits."""
    adapter_folder.write(folder, model)
    base = parameters.open_base(request.base, parameters.dtype_of(request.recipe)).model
    return merged(base, str(folder))


def _quantized(model: LanguageModel, request: TuneRequest, folder: Path) -> PreTrainedModel:
    adapter_folder.write(folder, model, request.base)
    quantization: dict[str, Json] = says("adapters", "qlora", "QUANTIZATION", {})
    return parameters.open_base(folder, parameters.dtype_of(request.recipe), quantization).model
