"""Read and write the files of a dataset folder: one JSON Lines file a split."""

from pathlib import Path

from harness.core import codec
from harness.types import Case

SPLITS = ("train", "held_out", "regression", "production", "replay")


def read_split(folder: Path, split: str) -> tuple[Case, ...]:
    """The cases of one split of a written dataset; none of a sample of production where it was made without one. Raises
    InputError when a line is not a case."""
    file = folder / f"{split}.jsonl"
    return tuple(codec.read_lines(file, Case)) if file.exists() or split != "production" else ()


EVALUATED = ("held_out", "regression", "production")
"""Splits whose cases never train, on this night or any later one."""
