"""Score by a tuned reward model: how much better than a failing answer the reply is, from 0 to 1.

The model is what `[tune] method = "reward"` makes of preference pairs. It is opened with the first answer and kept.

    python -P -m harness.evaluate.scorers.reward     rows to score on standard input, for the trainer's round trip
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from harness.core import worker
from harness.core.adapters import REWARD, verify
from harness.core.codec import decode, encode, from_chat
from harness.core.rendering import prompt_ids as prompt_tokens
from harness.core.rendering import stop_ids, target_ids
from harness.errors import InvalidError
from harness.evaluate.scorers._common import text_of
from harness.types import Message, Noun, Score, TextPart


def reward(reply: Any, messages: Sequence[Message] | str, *, adapter: str, base: str, name: str = "reward") -> Score:
    """The logistic of the reward of `reply` as the answer to `messages`; `adapter` and `base` are folders.

    0.5 is the border between answers that were corrected and their corrections only on average: compare it between
    arms. Raises InvalidError when the adapter is no reward model or was made for another base.
    """
    judge = RewardModel.of(adapter, base)
    said = Message(role="assistant", parts=(TextPart(text=text_of(reply)),))
    asked = (from_chat({"role": "user", "content": messages}),) if isinstance(messages, str) else tuple(messages)
    ids = prompt_tokens(judge.tokenizer, judge.prompt, asked, (), judge.options)
    ids += target_ids(judge.tokenizer, judge.prompt, asked, said, judge.stop, (), judge.options)
    value = 1 / (1 + 2.718281828459045 ** -judge.rewards([ids])[0])
    return Score(name=name, value=value, explanation=f"reward model {judge.id[:12]}: {value:.2f}")


class RewardRequest(Noun, frozen=True):
    adapter: str
    base: str
    rows: tuple[tuple[int, ...], ...]
    dtype: str = "float32"
    """Number format that the base was rounded to in training."""


class RewardModel:
    """A base with its reward head and adapter, in float32."""

    def __init__(self, adapter: str, base: str) -> None:
        manifest = verify(adapter, base, form=REWARD)
        self.id, self.prompt, self.options = manifest.id, manifest.prompt, manifest.template_options
        self.tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True, trust_remote_code=False)
        self.stop = stop_ids(self.tokenizer, base)
        self._model = opened(adapter, base, str(manifest.checks["reward"]["dtype"]))

    @staticmethod
    @cache
    def of(adapter: str, base: str) -> "RewardModel":
        return RewardModel(adapter, base)

    def rewards(self, rows: Sequence[Sequence[int]]) -> list[float]:
        return rewards(self._model, rows)


def opened(adapter: str, base: str, dtype: str) -> Any:
    """The model in float32, its base rounded to `dtype` as in training; the manifest is not looked at.

    Raises InvalidError when a weight has no place.
    """
    model = headed(base, getattr(torch, dtype)).float()
    loaded = PeftModel(model, PeftConfig.from_pretrained(adapter))
    result = loaded.load_adapter(adapter, "default")
    wrong = [name for name in result.missing_keys if "lora_" in name or "score" in name] + [*result.unexpected_keys]
    if wrong:
        raise InvalidError("the reward model's weights do not fit", where=wrong[0])
    return loaded.eval()


def headed(base: str | Path, dtype: torch.dtype) -> Any:
    """The base with one output a sequence in place of its vocabulary; the head's weights are not trained yet."""
    model: Any = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=1, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
    )
    model.config.use_cache = False
    return model


@torch.no_grad()
def rewards(model: Any, rows: Sequence[Sequence[int]]) -> list[float]:
    """The reward of each row of token ids, one after the other: without padding there is none to be mistaken for text."""
    return [model(input_ids=torch.tensor([list(row)], device=model.device)).logits[0, 0].item() for row in rows]


if __name__ == "__main__":
    parent = worker.parent()
    asked = decode(next(parent.requests()), RewardRequest)
    parent.perform(lambda: encode(rewards(opened(asked.adapter, asked.base, asked.dtype), asked.rows)))
