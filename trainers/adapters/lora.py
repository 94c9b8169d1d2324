"""Attach LoRA, arXiv 2106.09685."""

from trainers.model import lora_layers

attach = lora_layers.attach
