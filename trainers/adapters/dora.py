"""Attach DoRA, arXiv 2402.09353: direction and magnitude of each weight are learnt apart."""

from functools import partial

from trainers.model import lora_layers

UNSERVED = 'set form = "merged"'
"""vLLM computes no DoRA."""

attach = partial(lora_layers.attach, use_dora=True)
