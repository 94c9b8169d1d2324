"""Attach rsLoRA, arXiv 2312.03732: scaled by the root of the rank, so that large ranks learn as fast as small ones."""

from functools import partial

from trainers.model import lora_layers

attach = partial(lora_layers.attach, use_rslora=True)
