"""Attach a prefix, arXiv 2101.00190: keys and values of virtual tokens are learnt, layer by layer.

They start as those of tokens drawn from the vocabulary: values from a normal distribution are far from what any layer
has seen, and learning from there takes several times as long.
"""

import torch
from peft import PrefixTuningConfig, get_peft_model
from peft.tuners.cartridge.utils import initialize_kv_prefix_from_past_key_values

from harness.types import Recipe
from trainers.model import virtual_tokens
from trainers.model.language_model import LanguageModel

OPTIONS = (virtual_tokens.OPTION,)
RATE = 10.0
WHY = "ten times LoRA's for prefix tuning, which moves few numbers"
UNSERVED = 'set adapter = "lora"'
"""Its virtual tokens are no weights that a server could be given."""


def attach(model: LanguageModel, recipe: Recipe) -> LanguageModel:
    """The model behind `options.virtual_tokens` (20) learnt keys and values a layer."""
    tokens = virtual_tokens.count(recipe)
    drawn = torch.randint(model.config.get_text_config().vocab_size, (1, tokens), device=model.device)
    with torch.no_grad():
        known = model(input_ids=drawn, use_cache=True, logits_to_keep=1).past_key_values
    peft = get_peft_model(model, PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=tokens))
    layers = [(layer.keys.float(), layer.values.float()) for layer in known.layers]
    initialize_kv_prefix_from_past_key_values(peft, past_key_values=layers)
    return peft
