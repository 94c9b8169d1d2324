"""The number format of an arm. Apart from the engine, since a model's digest needs it and nothing else of torch."""

import torch

from harness.errors import UsageError
from harness.types import Arm

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def dtype_name(arm: Arm) -> str:
    """The arm's `dtype` option; by default bfloat16 where the processor multiplies it in hardware, else float32."""
    name = arm.options.get("dtype", "auto")
    if name == "auto":
        return "bfloat16" if _fast_bfloat16() else "float32"
    if name not in DTYPES:
        raise UsageError(
            f"there is no dtype {name!r}", where=f"arm {arm.name}", next=f"known: auto, {', '.join(DTYPES)}"
        )
    return str(name)


def _fast_bfloat16() -> bool:
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return bool(able.get("amx_bf16") or able.get("avx512_bf16"))
