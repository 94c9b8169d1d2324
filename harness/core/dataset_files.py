"""Read and write the files of a dataset folder: one JSON Lines file a split."""

from pathlib import Path

from harness.core import codec
from harness.types import Case

SPLITS = ("train", "held_out", "regression", "replay")


def read_split(folder: Path, split: str) -> tuple[Case, ...]:
    """The cases of one split of a written dataset. Raises InputError when a line is not a case."""
    return tuple(codec.read_lines(folder / f"{split}.jsonl", Case))


EVALUATED = ("held_out", "regression")
"""Splits whose cases never train, on this night or any later one."""
