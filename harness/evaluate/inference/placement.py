"""Place a model's layers: on one device where they fit, else over all GPUs, then the processor's memory, then the disk.

accelerate decides what goes where and moves activations between devices, for generation, log-likelihood and training alike.
"""

import atexit
import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import PreTrainedModel

from harness.errors import InputError, InvalidError, UsageError
from harness.types import Json

VARIABLE = "TRUEUP_MEMORY"
"""What may be used of each device, for a model that is to be spread: `0=70GiB,1=70GiB,cpu=100GiB`. What is left goes to the disk."""
ROOM = 0.85
"""Share of a GPU's free memory that weights may take; the rest is for keys, values and activations."""


def options(
    folder: str | Path, dtype: torch.dtype, quantization: dict[str, Json] | None, device: torch.device
) -> dict[str, Any]:
    """Arguments of `from_pretrained` for a model that has to be spread; none for one that fits `device`.

    Raises UsageError when the environment's limits cannot be read.
    """
    limits = _limits(os.environ.get(VARIABLE, ""))
    if not limits and (
        device.type != "cuda" or _bytes(folder, dtype, quantization) <= ROOM * torch.cuda.mem_get_info(device)[0]
    ):
        return {}
    return {"device_map": "auto", "offload_folder": _folder()} | ({"max_memory": limits} if limits else {})


def is_spread(model: Any) -> bool:
    """Whether the layers are on more than one device."""
    return len(places(model)) > 1


def places(model: Any) -> list[str]:
    """Devices of the layers, sorted: `0`, `1`, `cpu`, `disk`."""
    return sorted({str(place) for place in (getattr(model, "hf_device_map", None) or {}).values()})


def refuse_away(model: Any, folder: str | Path, done: str) -> None:
    """Raises InputError when layers are not on a GPU while others are, or are on the disk: there they have no gradient, and none of
    them is changed. `done`: what was to be done, such as `trained`."""
    away = {"cpu", "disk"} & set(places(model)) if is_spread(model) else {"disk"} & set(places(model))
    if away:
        raise InputError(
            f"a part of the model is on {' and '.join(sorted(away))}, where it cannot be {done}",
            where=str(folder),
            next=f'use more GPUs or a smaller base, or state more in {VARIABLE}; [tune] adapter = "qlora" needs a quarter of the memory',
        )


def with_adapter(model: PreTrainedModel, adapter: str) -> PeftModel:
    """A spread model with an adapter beside its weights, each part where its layer is computed.

    PEFT's own way for such models copies the weights that are on the disk, so it is not told that this is one: the layers keep
    accelerate's hooks. Raises InvalidError when the adapter does not fit.
    """
    known = model.__dict__.pop("hf_device_map")
    try:
        config = PeftConfig.from_pretrained(adapter)
        config.inference_mode = True
        peft = PeftModel(model, config)
    finally:
        model.__dict__["hf_device_map"] = known
    weights, held = load_file(Path(adapter, "adapter_model.safetensors")), get_peft_model_state_dict(peft)
    if held.keys() != weights.keys():
        raise misfit(adapter, sorted(held.keys() ^ weights.keys()))
    for layer in peft.modules():
        if isinstance(layer, BaseTunerLayer):
            _make_room(layer)
    set_peft_model_state_dict(peft, weights)
    return peft.eval()


def _make_room(layer: Any) -> None:
    """Give an adapter's weights memory on the device that its layer is computed on; they have none where the layer is on the disk."""
    base = layer.get_base_layer()
    hook = getattr(base, "_hf_hook", None)
    device = hook.execution_device if hook else base.weight.device
    for name in layer.adapter_layer_names:
        held = getattr(layer, name)
        if isinstance(held, torch.nn.Module):
            held.to_empty(device=device)


def misfit(adapter: str, wrong: Sequence[str]) -> InvalidError:
    return InvalidError(
        f"the adapter does not fit the model: {len(wrong)} weights have no place, such as {wrong[0]}",
        where=adapter,
        next="tune it again on this base",
    )


def broken(model: PreTrainedModel, folder: str | Path) -> str:
    """Name of a weight with a number that is not finite; empty when there is none.

    A sum is finite only if every number is; it is one pass without a copy. Weights on the disk are read from their files.
    """
    for name, weight in model.named_parameters():
        if weight.device.type != "meta" and not _is_finite(weight):
            return name
    if any(weight.device.type == "meta" for weight in model.parameters()):
        for file in sorted(Path(folder).glob("*.safetensors")):
            with safe_open(file, "pt") as tensors:
                for name in list(tensors.keys()):
                    if not _is_finite(tensors.get_tensor(name)):
                        return str(name)
    return ""


def _is_finite(weight: torch.Tensor) -> bool:
    return not weight.is_floating_point() or bool(torch.isfinite(weight.detach().sum(dtype=torch.float64)))


def _limits(text: str) -> dict[int | str, str]:
    pairs = [item.partition("=") for item in text.replace(" ", "").split(",") if item]
    if any(not (name.isdecimal() or name == "cpu") or not size[:1].isdigit() for name, _, size in pairs):
        raise UsageError(f"{VARIABLE} cannot be read", where=text, next=f"write it as {VARIABLE}=0=70GiB,cpu=100GiB")
    return {int(name) if name.isdecimal() else name: size for name, _, size in pairs}


def _bytes(folder: str | Path, dtype: torch.dtype, quantization: dict[str, Json] | None) -> int:
    """Bytes of the weights as they will be in memory; in 4 bits the embeddings stay whole, so a third is assumed."""
    held = 0
    for file in Path(folder).glob("*.safetensors"):
        with safe_open(file, "pt") as tensors:
            held += sum(math.prod(tensors.get_slice(name).get_shape()) for name in list(tensors.keys()))
    return held * dtype.itemsize // (3 if quantization else 1)


def _folder() -> str:
    """Where weights go that are left over and cannot be read from their files as they are; it goes with the process."""
    folder = tempfile.mkdtemp(prefix="trueup-offload-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
