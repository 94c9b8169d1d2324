"""LoRA, arXiv 2106.09685."""

from trainers.model import lora_layers as _lora

attach = _lora.attach
