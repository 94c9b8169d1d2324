"""Attach a soft prompt, arXiv 2104.08691: embeddings of virtual tokens are learnt, from tokens of the vocabulary."""

from peft import PromptTuningConfig, PromptTuningInit, get_peft_model

from harness.types import Recipe
from trainers.model import virtual_tokens
from trainers.model.language_model import LanguageModel

OPTIONS = (virtual_tokens.OPTION,)
RATE = 10.0
WHY = "ten times LoRA's for prompt tuning, which moves few numbers"
UNSERVED = 'set adapter = "lora"'
"""Its virtual tokens are no weights that a server could be given."""


def attach(model: LanguageModel, recipe: Recipe) -> LanguageModel:
    """The model behind `options.virtual_tokens` (20) learnt embeddings."""
    config = PromptTuningConfig(
        task_type="CAUSAL_LM",
        num_virtual_tokens=virtual_tokens.count(recipe),
        prompt_tuning_init=PromptTuningInit.SAMPLE_VOCAB,
    )
    return get_peft_model(model, config)
