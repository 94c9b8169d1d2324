"""The base model and the parameters that are trained on it."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness.errors import InputError, UsageError
from harness.types import Recipe

LORA: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
}
"""Adapter kind to what it sets on `LoraConfig`. rsLoRA: arXiv 2312.03732; DoRA: arXiv 2402.09353."""


class Base(NamedTuple):
    model: Any
    tokenizer: Any
    max_tokens: int
    """Longest row that the model's positions allow."""


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def dtype(name: str) -> torch.dtype:
    """The recipe's dtype. `auto` is bfloat16 where the processor computes it, else float32."""
    if name != "auto":
        if name not in ("float32", "bfloat16"):
            raise UsageError(f"there is no dtype {name!r}", next="known: auto, float32, bfloat16")
        return getattr(torch, name)
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("amx_bf16") or able.get("avx512_bf16") else torch.float32


def open_base(folder: str | Path, kind: torch.dtype) -> Base:
    """The base model and its tokenizer, from safetensors in a local folder; runs no code that the model brings.

    Raises InputError when the folder is not a model that transformers knows.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=kind, use_safetensors=True, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"the base model cannot be opened: {error}", where=str(folder)) from error
    model.config.use_cache = False
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None) or 2048
    return Base(model.to(device()), tokenizer, limit)


def attach(model: Any, recipe: Recipe) -> Any:
    """The model with fresh adapter weights to train (float32, as PEFT keeps them) and everything else frozen.

    The adapter starts as no change at all. Raises UsageError on an unknown adapter kind.
    """
    torch.manual_seed(recipe.seed)
    return get_peft_model(model, _config(recipe))


def trainable(model: Any) -> list[torch.nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def parameters(model: Any) -> int:
    """Weights of the model, all of them."""
    return sum(parameter.numel() for parameter in model.parameters())


def _config(recipe: Recipe) -> PeftConfig:
    if recipe.adapter not in LORA:
        raise UsageError(f"there is no adapter kind {recipe.adapter!r}", next=f"known: {', '.join(LORA)}")
    targets = recipe.target_modules
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=targets if targets == "all-linear" else [part.strip() for part in targets.split(",")],
        **LORA[recipe.adapter],
    )


def weights(model: Any) -> dict[str, torch.Tensor]:
    """What was trained, by name, in contiguous tensors on the CPU: the adapter's weights, or all when there is none."""
    state = get_peft_model_state_dict(model) if isinstance(model, PeftModel) else model.state_dict()
    return {name: state[name].detach().cpu().contiguous() for name in sorted(state)}


def load_weights(model: Any, tensors: dict[str, torch.Tensor]) -> None:
    """Put back what `weights` gave, in place."""
    if isinstance(model, PeftModel):
        set_peft_model_state_dict(model, tensors)
    else:
        model.load_state_dict(tensors)
