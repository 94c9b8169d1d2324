"""Answer greedily with a model that is being trained, whatever kind of adapter it has."""

from collections.abc import Sequence
from os.path import commonprefix

import torch
from transformers import PreTrainedTokenizerBase

from harness.evaluate.inference.attention import Prefix
from harness.evaluate.inference.check import TEXT, examine, known
from harness.evaluate.inference.generate import DecodingRow
from harness.evaluate.inference.ways import Way
from trainers.model import parameters
from trainers.model.language_model import LanguageModel, base_of

ROWS = 64
"""Most prompts that are answered at once."""


@torch.no_grad()
def answers(model: LanguageModel, prompts: Sequence[Sequence[int]], most: int, stop: frozenset[int]) -> list[list[int]]:
    """The likeliest next token again and again, up to and with one of `stop`, at most `most` tokens a prompt."""
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    written: dict[int, list[int]] = {}
    for start in range(0, len(order), ROWS):
        places = order[start : start + ROWS]
        written |= zip(places, _batch(model, [prompts[place] for place in places], most, stop), strict=True)
    return [written[place] for place in range(len(prompts))]


def way_of_transformers(model: LanguageModel, tokenizer: PreTrainedTokenizerBase, longest: int) -> Way:
    """transformers' own generation in the layout that is right for the model: where a start that is kept is not.

    `longest`: tokens of the longest prompt and answer.
    """
    base = base_of(model)
    ways = known(base)[1:]
    finding = examine(base, tokenizer(TEXT, add_special_tokens=False)["input_ids"], ways, longest)
    return next(way for way in ways if way.name == finding.ways[0])


def answers_by(way: Way, prompts: Sequence[Sequence[int]], most: int, stop: frozenset[int]) -> list[list[int]]:
    """As `answers`, of the model that `way` belongs to."""
    way.begin()
    written = way.generate(Prefix(), [DecodingRow(tuple(prompt), most) for prompt in prompts], ROWS, stop)
    return [each.tokens for each in written]


def _batch(model: LanguageModel, prompts: Sequence[Sequence[int]], most: int, stop: frozenset[int]) -> list[list[int]]:
    reader, past = parameters.start(model)
    virtual = past.get_seq_length() if past is not None else 0
    rows = [list(prompt) for prompt in prompts]
    shared = min(len(commonprefix(rows)), min(map(len, rows)) - 1) if len(rows) > 1 else 0
    if shared:
        common = torch.tensor([list(prompts[0][:shared])], device=model.device)
        past = reader(input_ids=common, past_key_values=past, use_cache=True, logits_to_keep=1).past_key_values
    if past is not None:
        past.batch_repeat_interleave(len(prompts))
    ids, mask = _padded([prompt[shared:] for prompt in prompts], model.device)
    positions = virtual + shared + (mask.cumsum(1) - 1).clamp(min=0)
    mask = torch.cat([mask.new_ones(len(prompts), virtual + shared), mask], dim=1)
    written: list[list[int]] = [[] for _ in prompts]
    for _ in range(most):
        read = reader(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=past,
            use_cache=True,
            logits_to_keep=1,
        )
        past, ids, positions = read.past_key_values, read.logits[:, -1:].argmax(-1), positions[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], dim=1)
        for row, token in zip(written, ids[:, 0].tolist(), strict=True):
            if not (row and row[-1] in stop):
                row.append(token)
        if all(row[-1] in stop for row in written):
            break
    return written


def _padded(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask, [rows, longest], padded on the left."""
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + list(row) for row in rows], device=device)
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=device)
    return ids, mask
