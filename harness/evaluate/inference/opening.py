"""Open a model folder for serving and for training alike: no network, no code of the model's own, every weight accounted for.

transformers fills a weight that the files lack with random numbers and goes on. Here that is an error, as is a weight
that has no place, or one that is not a finite number.
"""

import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoTokenizer, GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from harness.errors import InputError
from harness.evaluate.inference import placement, quantized
from harness.evaluate.inference.acceptance import accept, accept_tokenizer, model_class
from harness.evaluate.inference.head import lay_out
from harness.types import Json


def open_tokenizer(folder: str | Path) -> PreTrainedTokenizerBase:
    """Raises InputError when there is none that transformers reads."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        return AutoTokenizer.from_pretrained(Path(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"the tokenizer cannot be read: {error}", where=str(folder), next="check the model's folder"
        ) from error


def open_model(
    folder: str | Path,
    dtype: torch.dtype,
    quantization: dict[str, Json] | None,
    device: torch.device,
    tokenizer: PreTrainedTokenizerBase,
) -> PreTrainedModel:
    """The model that writes text, on `device` or spread over all there are (`placement`), in evaluation mode.

    `quantization`: arguments of BitsAndBytesConfig; `dtype` is then what it computes in. Nothing of the folder's
    generation_config.json is kept: how to generate is the request's to say. Raises InputError when the folder cannot be
    used, or a weight is missing, has no place, or is not a finite number.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    transformers_logging.disable_progress_bar()
    kind = model_class(accept(folder), folder)
    options = quantized.options(quantization, dtype, device) if quantization else {"dtype": dtype}
    options |= placement.options(folder, dtype, quantization, device)
    try:
        opened: Any = kind.from_pretrained(
            Path(folder),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            **options,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
            raise
        raise InputError(
            f"the model cannot be loaded: {error}", where=str(folder), next="check the model's folder"
        ) from error
    model, loaded = opened  # asked for by `output_loading_info`
    _refuse_misfits(loaded, folder)
    if not quantized.settled(model) and not placement.places(model):
        model.to(device)
    _refuse_broken(model, folder)
    accept_tokenizer(tokenizer, model.get_input_embeddings().weight.shape[0], folder)
    model.generation_config = GenerationConfig()
    return lay_out(model.eval())


PROBLEMS = {
    "missing_keys": "the model's weights lack {} tensors, such as {}",
    "unexpected_keys": "{} tensors of the model's weights have no place in it, such as {}",
    "mismatched_keys": "{} tensors of the model's weights have another shape than its configuration says, such as {}",
}


def _refuse_misfits(loaded: dict[str, Any], folder: str | Path) -> None:
    for problem, words in PROBLEMS.items():
        names = sorted(name[0] if isinstance(name, tuple) else name for name in loaded.get(problem) or ())
        if names:
            raise InputError(
                words.format(len(names), names[0]),
                where=str(folder),
                next="copy the weights again, with the config.json that belongs to them",
            )


def _refuse_broken(model: PreTrainedModel, folder: str | Path) -> None:
    name = placement.broken(model, folder)
    if name:
        raise InputError(
            f"the model's weights contain values that are not finite numbers, in {name}",
            where=str(folder),
            next="copy the weights again",
        )
