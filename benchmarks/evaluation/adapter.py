"""A LoRA of the usual shape with random weights, and the manifest that makes it an adapter: what it says is no matter."""

from pathlib import Path

import torch
from msgspec.structs import replace
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from harness.core import adapters, codec
from harness.core.digests import model_digests
from harness.types import Adapter, Prompt, Recipe


def make(base: Path, out: Path) -> Path:
    """Write the adapter into `out` and return it."""
    torch.manual_seed(1)
    config = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    tuned = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.001)
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
