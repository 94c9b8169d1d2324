"""Read and write the files of a dataset folder: one JSON Lines file a split."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.core import codec
from harness.core.conversations import folded, unfolded
from harness.types import Case

TRAIN = "train.jsonl"
SPLITS = ("train", "held_out", "regression", "production", "replay")


def read_split(folder: Path, split: str) -> tuple[Case, ...]:
    """The cases of one split of a written dataset; none of a sample of production where it was made without one. Raises
    InputError when a line is not a case."""
    file = folder / f"{split}.jsonl"
    return tuple(read_cases(file)) if file.exists() or split != "production" else ()


def read_cases(file: Path) -> Iterator[Case]:
    """The cases of a file, one for each answer, whether or not its rows share them. Raises InputError as above."""
    return (case for row in codec.read_lines(file, Case) for case in unfolded(row))


def write_train(folder: Path, cases: Sequence[Case]) -> None:
    """Write `train.jsonl`: the answers of one conversation share a row where they can."""
    codec.write_lines(folder / TRAIN, folded(cases))


EVALUATED = ("held_out", "regression", "production")
"""Splits whose cases never train, on this night or any later one."""
