"""Attach QLoRA, arXiv 2305.14314: LoRA over a base in 4-bit NormalFloat with double quantization.

The base computes in bfloat16 where the processor does, else in float32. Adapters learn to make up for what quantization
took away, so they are evaluated and served over the same quantized base.
"""

from trainers.model import lora_layers

QUANTIZATION = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
UNSERVED = 'set form = "merged"'
"""Its base is quantized, which a server would load in full."""

attach = lora_layers.attach
