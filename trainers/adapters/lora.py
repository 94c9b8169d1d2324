"""LoRA, arXiv 2106.09685."""

from trainers.adapters import _lora

attach = _lora.attach
