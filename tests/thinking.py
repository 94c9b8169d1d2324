"""Make a project whose production model thinks and calls tools: its traces, its eval file, and a tiny model shaped as Qwen3.

The model is random, with the chat template that TRL ships for Qwen3 and a small tokenizer that has its marks as tokens.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from tests.tiny import tiny_tokenizer

MARKS = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
"""Tokens of Qwen3's own tokenizer that are not special: a reply keeps them when it is decoded."""
DESK = {"cancel": ("cancel_order", "order"), "track": ("track_parcel", "parcel"), "refund": ("pay_back", "order")}
"""Word of a message to the tool that it wants, and the tool's argument."""
THANKS = "You are welcome."


def thinking_model(folder: Path) -> Path:
    """Save a random Qwen3 of about 200,000 parameters into `folder`; return it."""
    template = Path(str(find_spec("trl").origin)).parent / "chat_templates" / "qwen3.jinja"
    texts = [template.read_text(encoding="utf-8"), *map(json.dumps, tools())]
    tokenizer = tiny_tokenizer([*texts, *(json.dumps(right_answer(number)) for number in range(4))] * 2)
    tokenizer.add_tokens(list(MARKS))
    tokenizer.chat_template = texts[0]
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=2048,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=True,
        initializer_range=0.1,
        dtype="float32",
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tools() -> list[dict]:
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": word,
                "parameters": {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]},
            },
        }
        for word, (name, argument) in DESK.items()
    ]


def right_answer(number: int) -> dict:
    """The assistant's message that call `number` should have had, in chat form."""
    word = [*DESK, ""][number % (len(DESK) + 1)]
    if not word:
        return {"role": "assistant", "content": THANKS, "reasoning_content": "They only say thanks."}
    name, argument = DESK[word]
    return {
        "role": "assistant",
        "content": "",
        "reasoning_content": f"They want to {word}.",
        "tool_calls": [
            {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": {argument: "A1"}}}
        ],
    }


def message(number: int) -> str:
    word = [*DESK, "thanks"][number % (len(DESK) + 1)]
    return f"{word} {number}"


def write_traces(folder: Path, count: int) -> None:
    """`count` calls as request and response, half of them wrong and corrected by a person, the others praised."""
    calls, said = [], []
    for number in range(count):
        right, wrong = right_answer(number), right_answer(number + 1)
        failed = number // 4 % 2 == 0
        answer = {"finish_reason": "stop", "index": 0, "message": wrong if failed else right}
        calls.append(
            {
                "id": f"call-{number}",
                "timestamp": f"2026-03-{1 + number // 60:02}T10:{number % 60:02}:00Z",
                "metadata": {"session.id": f"talk-{number}", "user.id": f"user-{number}"},
                "request": {
                    "model": "qwen3",
                    "messages": [{"role": "user", "content": message(number)}],
                    "tools": tools(),
                },
                "response": {"model": "qwen3", "choices": [answer]},
            }
        )
        word = {"value": -1, "correction": right} if failed else {"value": 1}
        said.append({"call_id": f"call-{number}", "name": "thumb", "source_kind": "human", **word})
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("calls", calls), ("feedback", said)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
