"""Train one adapter in several processes together, as `accelerate launch` starts them.

Each takes its share of every step's rows, and the gradients are added up, over all supervised tokens of the step: the
step is that of one process up to the order of a sum. AdamW divides a gradient by its own size, so where it is next to
nothing that order shows in the fourth digit of a weight. Everything else is done by all alike (the weights stay equal)
or by the first alone (files, progress).
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import torch
import torch.distributed as group

T = TypeVar("T")


def count() -> int:
    return group.get_world_size() if group.is_available() and group.is_initialized() else 1


def number() -> int:
    return group.get_rank() if count() > 1 else 0


def first() -> bool:
    return number() == 0


def share(rows: Sequence[T]) -> Sequence[T]:
    """This process's part of a step's rows; may be empty."""
    return rows[number() :: count()]


def wait() -> None:
    """Go on when all processes have come here."""
    if count() > 1:
        group.barrier()


def add(weights: Iterable[torch.nn.Parameter], loss: float) -> float:
    """Add up the gradients of all processes, in place, and their losses; returns the sum of the losses."""
    if count() == 1:
        return loss
    weights = list(weights)
    parts = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
    flat = torch.cat([*(part.flatten() for part in parts), parts[0].new_tensor([loss])])
    group.all_reduce(flat)
    for weight, part in zip(weights, flat[:-1].split([part.numel() for part in parts]), strict=True):
        weight.grad = part.view_as(weight)
    return float(flat[-1])
