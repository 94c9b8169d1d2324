"""Save a tiny random model of a family, with the tokenizer and template of `tests.tiny`."""

from pathlib import Path

import torch

from harness.evaluate.inference.acceptance import model_class
from tests.tiny import tiny_tokenizer
from tests.zoo.families import FAMILIES


def build(name: str, folder: Path, seed: int = 0) -> Path:
    """The weights are large enough that a wrong mask or position changes the answers."""
    config = FAMILIES[name]()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = model_class(config, folder)._from_config(config)  # type: ignore[attr-defined]
    dice = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight_name, weight in model.named_parameters():
            if weight.dim() >= 2:
                std = 0.16 if "embed" in weight_name or "wte" in weight_name else 0.08
                weight.copy_(torch.randn(weight.shape, generator=dice) * std)
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
