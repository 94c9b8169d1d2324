"""What every contestant is asked: the same text, the same limits, made from a seed."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

SEED = 11
PROBES = Path(__file__).parents[2].parent / "shared" / "data" / "probes" / "arc_easy.jsonl"
SUBJECTS = [
    "a lamp",
    "the sea",
    "two friends",
    "old maps",
    "a bakery",
    "snow",
    "a bicycle",
    "the moon",
    "a letter",
    "rain",
]
TASKS = (
    "Name one colour.",
    "Write a short story about {}.",
    "Say yes or no: have you seen {}?",
    "Describe {} in one sentence.",
    "List five words that go with {}.",
    "What is a good title for a book about {}?",
)
WORDS = [
    "table",
    "window",
    "river",
    "bread",
    "evening",
    "small",
    "green",
    "seven",
    "letter",
    "garden",
    "winter",
    "market",
    "bridge",
    "yellow",
    "morning",
    "question",
    "answer",
    "paper",
    "silver",
    "northern",
    "travel",
    "kitchen",
    "simple",
    "number",
    "picture",
    "quiet",
    "station",
    "apple",
    "corner",
    "street",
    "music",
]


@dataclass(frozen=True)
class Workload:
    """Prompts as chat messages, and how many tokens may follow each; or questions with options to choose from."""

    chats: tuple[tuple[dict[str, str], ...], ...] = ()
    max_new: int = 0
    questions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Context and continuations, each with the space before it."""
    turns: tuple[tuple[str, ...], ...] = ()
    """What the user of each chat says after each answer; empty: one answer a chat."""

    @property
    def size(self) -> int:
        return len(self.chats) or len(self.questions)


def make(name: str, model: str, size: int = 0) -> Workload:
    """A workload by name; `size` cuts it to its first prompts, for a quick look."""
    made: Workload = MAKERS[name](model)
    if not size:
        return made
    return Workload(made.chats[:size], made.max_new, made.questions[:size], made.turns[:size])


def shared_prefix(model: str) -> Workload:
    """96 prompts of about 700 tokens, of which about 670 are one system text with worked examples; 24 new tokens."""
    draw = random.Random(SEED)
    lines = ["You sort messages to a shop. Reply with one word."]
    while _tokens(model, "\n".join(lines)) < 655:
        lines.append(f"Message: {_words(draw, 12)}. Word: {draw.choice(WORDS)}.")
    system = {"role": "system", "content": "\n".join(lines)}
    asked = [{"role": "user", "content": f"Message {number}: {_words(draw, 14)}."} for number in range(96)]
    return Workload(tuple((system, one) for one in asked), 24)


def mixed(model: str) -> Workload:
    """256 prompts of 20 to 300 tokens, spread evenly, that begin differently; up to 64 new tokens."""
    draw = random.Random(SEED)
    chats = []
    for number in range(256):
        task = TASKS[number % len(TASKS)].format(draw.choice(SUBJECTS))
        system = {"role": "system", "content": f"{draw.choice(WORDS)} {draw.choice(WORDS)} {number}"}
        wanted, text = 20 + 280 * number // 255, task
        while _tokens(model, text) < wanted - 22:
            text = f"{_words(draw, 6).capitalize()}. {text}"
        chats.append((system, {"role": "user", "content": text}))
    draw.shuffle(chats)
    return Workload(tuple(chats), 64)


def sessions(model: str) -> Workload:
    """96 sessions of 8 turns: a system text of about 320 tokens that all share, 14 words a turn; 24 new tokens a turn."""
    draw = random.Random(SEED)
    lines = ["You sort messages to a shop. Reply with one sentence."]
    while _tokens(model, "\n".join(lines)) < 305:
        lines.append(f"Message: {_words(draw, 12)}. Word: {draw.choice(WORDS)}.")
    system = {"role": "system", "content": "\n".join(lines)}
    said = [[f"Message {number}: {_words(draw, 14)}." for number in range(8)] for _ in range(96)]
    chats = tuple((system, {"role": "user", "content": first}) for first, *_ in said)
    return Workload(chats, 24, turns=tuple(tuple(rest) for _, *rest in said))


def loglikelihood(model: str) -> Workload:
    """500 questions of ARC-easy with their options, as raw text; those with two equal options, which have no one answer,
    are left out."""
    rows = [json.loads(line) for line in PROBES.read_text(encoding="utf-8").splitlines()]
    clear = [row for row in rows if len(set(row["choices"])) == len(row["choices"])]
    return Workload(questions=tuple((f"{row['query']}\nAnswer:", _options(row)) for row in clear[:500]))


MAKERS: dict[str, Callable[[str], Workload]] = {
    one.__name__: one for one in (shared_prefix, mixed, loglikelihood, sessions)
}


def rendered(model: str, chats: Sequence[tuple[dict[str, str], ...]]) -> list[str]:
    """The prompts as the model's chat template writes them."""
    template = tokenizer(model).apply_chat_template
    return [template(list(chat), tokenize=False, add_generation_prompt=True) for chat in chats]


@cache
def tokenizer(model: str) -> Any:
    return AutoTokenizer.from_pretrained(model, local_files_only=True)


def _options(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f" {choice}" for choice in row["choices"])


def _words(draw: random.Random, count: int) -> str:
    return " ".join(draw.choice(WORDS) for _ in range(count))


def _tokens(model: str, text: str) -> int:
    return len(tokenizer(model)(text)["input_ids"])
