"""Write a LoRA with random weights, and the manifest that makes it an adapter."""

from pathlib import Path

import torch
from msgspec.structs import replace
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from harness.core import adapters, codec
from harness.core.digests import model_digests
from harness.types import Adapter, Prompt, Recipe


def make(base: Path, out: Path, *, seed: int = 1, size: float = 0.001, rank: int = 16, alpha: int = 32) -> Path:
    """Write into `out` an adapter on the model in `base` whose second matrices are normal with deviation `size`; returns it."""
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tuned = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config)
        for name, weight in tuned.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=size)
    tuned.save_pretrained(out)
    found = model_digests(base)
    manifest = Adapter(
        id="",
        method="sft",
        base=found.weights,
        tokenizer=found.tokenizer,
        template=found.template,
        dataset="none",
        recipe=Recipe(),
        prompt=Prompt(name="none"),
        files={path.name: codec.file_digest(path) for path in out.glob("adapter*")},
    )
    manifest = replace(manifest, id=adapters.content_id(manifest))
    codec.write_atomic(out / adapters.MANIFEST, codec.encode(manifest))
    return out
