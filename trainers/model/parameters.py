"""Load the base model, and attach the parameters that are trained on it."""

import os
from pathlib import Path
from typing import NamedTuple

import torch
from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from harness.errors import UsageError
from harness.evaluate.inference import placement
from harness.evaluate.inference.check import positions
from harness.evaluate.inference.dtype import DTYPES
from harness.evaluate.inference.opening import open_model, open_tokenizer
from harness.evaluate.inference.ways import UNBOUNDED
from harness.types import Json, Recipe, TuneRequest
from trainers.model import virtual_tokens
from trainers.model.kind import kind_of
from trainers.model.language_model import LanguageModel, base_of
from trainers.model.memory import fitting

LONGEST = 2048
"""Tokens of the longest row where a model has no positions to count, as state-space models have none."""


class Base(NamedTuple):
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    max_tokens: int
    """Longest row that the model's positions allow."""


def device() -> torch.device:
    """Where models live: the GPU of this process where there is one."""
    return (
        torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if torch.cuda.is_available() else torch.device("cpu")
    )


def dtype(name: str) -> torch.dtype:
    """The recipe's dtype. `auto` is bfloat16 where the processor computes it, else float32."""
    if name != "auto":
        if name not in DTYPES:
            raise UsageError(f"there is no dtype {name!r}", next=f"known: {', '.join(('auto', *DTYPES))}")
        known: torch.dtype = getattr(torch, name)
        return known
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("amx_bf16") or able.get("avx512_bf16") else torch.float32


def dtype_of(recipe: Recipe) -> torch.dtype:
    """Number format of the trained model: the recipe's, where that is auto the adapter kind's."""
    return dtype(kind_of(recipe).dtype or "auto" if recipe.dtype == "auto" else recipe.dtype)


def open_for(request: TuneRequest) -> Base:
    """The base of a request as its adapter kind wants it: number format and quantization."""
    return open_base(request.base, dtype_of(request.recipe), kind_of(request.recipe).quantization)


def open_base(folder: str | Path, kind: torch.dtype, quantization: dict[str, Json] | None = None) -> Base:
    """The base model and its tokenizer, from safetensors in a local folder; runs no code that the model brings.

    `quantization`: arguments of transformers' BitsAndBytesConfig; `kind` is then what it computes in. Raises InputError
    when the folder is not a model that writes text, whole and undamaged.
    """
    tokenizer = open_tokenizer(folder)
    with fitting("the base model itself"):
        model = open_model(folder, kind, quantization, device(), tokenizer)
    placement.refuse_away(model, folder, "trained")
    model.config.use_cache = False
    limit = positions(model.config)
    return Base(model, tokenizer, limit if limit < UNBOUNDED else LONGEST)


def attach(model: LanguageModel, recipe: Recipe) -> LanguageModel:
    """The model with fresh weights to train, as the recipe's adapter kind makes them, and everything else frozen.

    With `options.activation_checkpointing` layers are computed again in the backward pass, which trades time for memory.
    Raises UsageError on an unknown adapter kind, or on virtual tokens together with that option.
    """
    torch.manual_seed(recipe.seed)
    attached = kind_of(recipe).attach(model, recipe)
    if recomputed(recipe):
        if isinstance(attached, PeftModel) and attached.active_peft_config.is_prompt_learning:
            raise UsageError(
                "virtual tokens are kept as keys and values, which are not kept under activation_checkpointing",
                next="leave one of the two out of [tune]",
            )
        model.activation_checkpointing_enable({"use_reentrant": False})
    return attached


def recomputed(recipe: Recipe) -> bool:
    """Are activations computed again in the backward pass? Then no keys and values are kept, so no start is shared."""
    return bool(recipe.options.get("activation_checkpointing"))


def start(model: LanguageModel) -> tuple[LanguageModel, DynamicCache | None]:
    """What reads a row, and the keys and values that stand before it: those of virtual tokens for one row, or None."""
    if isinstance(model, PeftModel) and model.active_peft_config.is_prompt_learning:
        return base_of(model), virtual_tokens.start(model)
    return model, None


def trainable(model: LanguageModel) -> list[torch.nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def parameters(model: LanguageModel) -> int:
    """Weights of the model, all of them; a quantized one counts as many as it has unquantized."""
    return model.num_parameters() if hasattr(model, "num_parameters") else sum(map(torch.numel, model.parameters()))


class Weights(NamedTuple):
    """How many weights a model has, and how many of them are trained."""

    all: int
    trained: int


def counted(model: LanguageModel) -> Weights:
    """Of a model with what is trained on it."""
    trained = sum(weight.numel() for weight in trainable(model))
    beside = trained if isinstance(model, PeftModel) else 0
    return Weights(parameters(model) - beside, trained)


def weights(model: LanguageModel) -> dict[str, torch.Tensor]:
    """What was trained, by name, in contiguous tensors on the CPU: the adapter's weights, or all when there is none."""
    adapted = isinstance(model, PeftModel)
    state = get_peft_model_state_dict(model, save_embedding_layers=False) if adapted else dict(model.named_parameters())
    return {name: state[name].detach().cpu().contiguous() for name in sorted(state)}


def load_weights(model: LanguageModel, tensors: dict[str, torch.Tensor]) -> None:
    """Put back what `weights` gave, in place."""
    if isinstance(model, PeftModel):
        set_peft_model_state_dict(model, tensors)
    else:
        model.load_state_dict(tensors, strict=False)  # tied weights have one name here and two in the model
