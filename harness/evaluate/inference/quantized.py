"""Load a base model in 4 bits, the same way for training and for serving."""

from collections.abc import Iterator
from typing import Any

import torch
from transformers import BitsAndBytesConfig, PreTrainedModel

from harness.types import Json


def options(quantization: dict[str, Json], dtype: torch.dtype, device: Any) -> dict[str, Any]:
    """Arguments of `from_pretrained`. `quantization`: arguments of BitsAndBytesConfig; `dtype`: what it computes in."""
    config = BitsAndBytesConfig(bnb_4bit_compute_dtype=dtype, **quantization)
    return {"dtype": dtype, "quantization_config": config, "device_map": {"": str(device)}}


def settled(model: PreTrainedModel) -> bool:
    """True for a quantized model, whose 4-bit layers are now kept in the layout that they were loaded in.

    On a processor with AVX512-BF16, bitsandbytes packs a layer's weights anew in the first pass without gradients. The
    packed layout has no backward pass: every later training step has gradients of almost nothing in the first layers,
    without a word. And it rounds differently, so what is served would not be what was trained.
    """
    if getattr(model.config, "quantization_config", None) is None:
        return False
    layers: Iterator[Any] = model.modules()
    for module in layers:
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return True
