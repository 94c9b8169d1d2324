"""Compare meaning: the cosine of two texts' embeddings, by a model that is on this disk."""

from functools import cache
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer

from harness.core.digests import model_digests
from harness.evaluate.scorers._common import or_comparator, required, shown, text_of
from harness.types import Score

LONGEST = 512
"""Tokens that are read of a text; what follows does not count."""


@or_comparator
def embedding(
    reply: Any, expected: Any, *, model: str, at_least: float | None = None, name: str = "embedding"
) -> Score:
    """Cosine, 0 to 1, of the reply and `expected` (or the nearest of several); 1.0 or 0.0 with `at_least`.

    `model` is a folder with an encoder of sentences as safetensors; a text is the mean of its last hidden states, as
    most such models are trained (N. Reimers, I. Gurevych, "Sentence-BERT", 2019). Two texts of opposite meaning are
    often near, so hold the threshold against labelled pairs of your own first. Raises InputError when the folder is no
    model, ValueError when nothing is expected.
    """
    wanted = expected if isinstance(expected, (list, tuple)) else [required(expected)]
    said = _vector(model, text_of(reply))
    value = max(float(said @ _vector(model, text_of(one))) for one in required(wanted))
    value = min(max(value, 0.0), 1.0)
    why = f"cosine {value:.2f} of {shown(reply)} to {shown(expected)}"
    return Score(name=name, value=value if at_least is None else float(value >= at_least), explanation=why)


@cache
def _encoder(folder: str) -> tuple[Any, Any]:
    model_digests(folder)
    encoder = AutoModel.from_pretrained(folder, use_safetensors=True, trust_remote_code=False, dtype=torch.float32)
    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False), encoder.eval()


@cache
def _vector(folder: str, text: str) -> torch.Tensor:
    """Unit vector of a text; of an empty one, zeros."""
    tokenizer, encoder = _encoder(folder)
    tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=LONGEST)
    if not tokens["input_ids"].numel():
        return torch.zeros(encoder.config.hidden_size)
    with torch.inference_mode():
        states = encoder(**tokens).last_hidden_state[0]
    return torch.nn.functional.normalize(states.mean(dim=0), dim=0)
