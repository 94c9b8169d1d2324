"""Random LoRA adapters with the manifest that a trainer writes."""

from pathlib import Path

import torch
from msgspec.structs import replace
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from harness.core import adapters, codec
from harness.core.digests import model_digests
from harness.types import Adapter, Prompt, Recipe


def random_lora(folder: Path, out: Path, seed: int, size: float = 0.5, rank: int = 4) -> Path:
    """A LoRA on the model in `folder` whose weights are normal with deviation `size`, saved in `out`."""
    config = LoraConfig(r=rank, target_modules="all-linear", task_type="CAUSAL_LM")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tuned = get_peft_model(AutoModelForCausalLM.from_pretrained(folder), config)
        for name, weight in tuned.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=size)
    tuned.save_pretrained(out)
    base = model_digests(folder)
    manifest = Adapter(
        id="",
        method="sft",
        base=base.weights,
        tokenizer=base.tokenizer,
        template=base.template,
        dataset="d",
        recipe=Recipe(),
        prompt=Prompt(name="none"),
        files={path.name: codec.file_digest(path) for path in out.glob("adapter*")},
    )
    manifest = replace(manifest, id=adapters.content_id(manifest))
    codec.write_atomic(out / adapters.MANIFEST, codec.encode(manifest))
    return out
