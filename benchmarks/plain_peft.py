"""Train LoRA as a short script does: what the default recipe has to be better than.

Cross-entropy on the answer's tokens, AdamW with a linear schedule, fixed epochs; no replay, no rows set aside, the last step is kept.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, get_linear_schedule_with_warmup

BATCH, RANK, ALPHA, RATE = 8, 16, 32, 1e-3
IGNORED = -100

Chat = list[dict[str, str]]


def train(base: Path, rows: Sequence[tuple[Chat, str]], out: Path, *, epochs: int = 3, seed: int = 1) -> None:
    """Train on chats and their answers, and save the merged model with its tokenizer in `out`."""
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, config)
    encoded = [_encoded(tokenizer, chat, answer) for chat, answer in rows]
    steps = epochs * -(-len(encoded) // BATCH)
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=RATE)
    schedule = get_linear_schedule_with_warmup(optimizer, steps // 20, steps)
    draw = random.Random(seed)
    model.train()
    for _ in range(epochs):
        order = draw.sample(encoded, len(encoded))
        for at in range(0, len(order), BATCH):
            model(**_collated(order[at : at + BATCH])).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    model.merge_and_unload().save_pretrained(out)
    tokenizer.save_pretrained(out)


def _encoded(tokenizer: Any, chat: Chat, answer: str) -> tuple[list[int], list[int]]:
    """Token ids, and the labels: the prompt's are ignored."""
    asked = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template([*chat, {"role": "assistant", "content": answer}], tokenize=False)
    before = tokenizer(asked, add_special_tokens=False)["input_ids"]
    ids = before + tokenizer(whole[len(asked) :], add_special_tokens=False)["input_ids"]
    return ids, [IGNORED] * len(before) + ids[len(before) :]


def _collated(rows: Sequence[tuple[list[int], list[int]]]) -> dict[str, torch.Tensor]:
    longest = max(len(ids) for ids, _ in rows)
    return {
        "input_ids": torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in rows]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in rows]),
        "labels": torch.tensor([labels + [IGNORED] * (longest - len(labels)) for _, labels in rows]),
    }
