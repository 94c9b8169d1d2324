"""Choose the number format of an arm. Apart from the engine, since a model's digest needs it, and of torch no more than a
look at the processor."""

from harness.errors import UsageError
from harness.types import Arm, Json

DTYPES = ("float32", "bfloat16")
"""Names of what torch can compute in."""
NF4: dict[str, Json] = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
"""Weights in 4-bit NormalFloat, the constants of its blocks quantized too: what QLoRA adapters are trained on."""


def dtype_name(arm: Arm) -> str:
    """What the arm computes in: its `dtype` option, or bfloat16 where the processor multiplies it in hardware, else float32."""
    name = arm.options.get("dtype", "auto")
    if name in ("auto", "nf4"):
        return "bfloat16" if _fast_bfloat16() else "float32"
    if name not in DTYPES:
        known = ", ".join(("auto", *DTYPES, "nf4"))
        raise UsageError(f"there is no dtype {name!r}", where=f"arm {arm.name}", next=f"known: {known}")
    return str(name)


def quantization(arm: Arm) -> dict[str, Json]:
    """How the arm asks for its base to be quantized; empty: not at all."""
    return NF4 if arm.options.get("dtype") == "nf4" else {}


def _fast_bfloat16() -> bool:
    import torch  # 2 s, which a command that asks no local model is spared

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return bool(able.get("amx_bf16") or able.get("avx512_bf16"))
