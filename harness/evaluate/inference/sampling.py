"""Choose the next token of each row: the likeliest, or a draw from a seed that belongs to the row alone."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Sampling:
    """Temperature 0 is greedy. `seed` fixes every draw of the row, whatever rows stand beside it."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: tuple[int, ...] = (0,)


def pick(logits: torch.Tensor, samplings: Sequence[Sampling], steps: Sequence[int]) -> list[int]:
    """Next token of each row from logits (rows, vocabulary); `steps` counts the tokens a row has written."""
    tokens: list[int] = logits.argmax(dim=-1).tolist()
    for row, (sampling, step) in enumerate(zip(samplings, steps, strict=True)):
        if sampling.temperature > 0:
            tokens[row] = _draw(logits[row].float().cpu(), sampling, step)
    return tokens


def _draw(logits: torch.Tensor, sampling: Sampling, step: int) -> int:
    """Nucleus sampling (arXiv:1904.09751): the smallest set of tokens whose probability reaches `top_p`."""
    chances, order = (logits / sampling.temperature).softmax(dim=-1).sort(descending=True, stable=True)
    before = chances.cumsum(dim=-1) - chances
    chances = chances.where(before < sampling.top_p, 0.0)
    point = _uniform((*sampling.seed, step)) * float(chances.sum())
    place = int(torch.searchsorted(chances.cumsum(dim=-1), point, right=True))
    return int(order[min(place, int((chances > 0).sum()) - 1)])


def _uniform(seed: tuple[int, ...]) -> float:
    """A number in [0, 1) from the seed: the same on every machine and in every batch."""
    return int.from_bytes(hashlib.sha256(repr(seed).encode()).digest()[:7]) / 2**56
