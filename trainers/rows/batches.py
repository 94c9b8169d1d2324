"""Batch rows in order: a pure function of lengths and seed, so that a resumed run sees the same."""

import random
from collections.abc import Iterator, Sequence

POOL = 8
"""Batches that are sorted by length together: less padding, and still a random order."""


def schedule(lengths: Sequence[int], size: int, steps: int, seed: int) -> Iterator[list[int]]:
    """Row indices of each of `steps` optimizer steps. Every row is seen once an epoch; a last, smaller batch closes it."""
    done = epoch = 0
    while done < steps:
        for batch in _epoch(lengths, size, seed, epoch)[: steps - done]:
            yield batch
            done += 1
        epoch += 1


def steps_per_epoch(rows: int, size: int) -> int:
    return -(-rows // size)


def _epoch(lengths: Sequence[int], size: int, seed: int, epoch: int) -> list[list[int]]:
    dice = random.Random(f"{seed}/{epoch}")
    order = list(range(len(lengths)))
    dice.shuffle(order)
    batches = []
    for start in range(0, len(order), size * POOL):
        pool = sorted(order[start : start + size * POOL], key=lambda row: lengths[row])
        batches += [pool[place : place + size] for place in range(0, len(pool), size)]
    dice.shuffle(batches)
    return batches
