"""The rows to train on: those of the dataset, and a share of replay against forgetting."""

import random
from pathlib import Path

from harness.codec import digest, file_digest, read, read_lines
from harness.errors import InputError
from harness.rendering import stop_ids
from harness.types import Case, Dataset, TuneRequest
from trainers import models, tokens

TRAIN, REPLAY, MANIFEST = "train.jsonl", "replay.jsonl", "dataset.json"


def rows(request: TuneRequest, base: models.Base) -> tokens.Rows:
    """The request's cases as rows of `base`'s tokens.

    Raises InvalidError when one of them was held out, InputError when the dataset cannot be used.
    """
    found = cases(request)
    tokens.refuse_held_out(found, request.held_out_ids)
    limit = min(request.recipe.max_tokens or base.max_tokens, base.max_tokens)
    stop = stop_ids(base.tokenizer, request.base)
    return tokens.build(found, tokens.Renderer(base.tokenizer, stop, request.prompt, limit), request.recipe)


def cases(request: TuneRequest) -> list[Case]:
    """All of `train.jsonl`, and from `replay.jsonl` as many as make up the recipe's share of the whole."""
    folder = Path(request.dataset)
    if not (folder / TRAIN).exists():
        raise InputError(f"the dataset has no {TRAIN}", where=str(folder), next="trueup curate")
    train = list(read_lines(folder / TRAIN, Case))
    pool = list(read_lines(folder / REPLAY, Case)) if (folder / REPLAY).exists() else []
    return train + _draw(pool, len(train), request.recipe.replay_share, request.recipe.seed)


def ident(folder: str | Path) -> str:
    """Id of the dataset by its manifest; without one, the digest of its rows."""
    manifest = Path(folder) / MANIFEST
    if manifest.exists():
        return read(manifest, Dataset).id
    return digest([file_digest(path) for name in (TRAIN, REPLAY) if (path := Path(folder) / name).exists()])


def _draw(pool: list[Case], train: int, share: float, seed: int) -> list[Case]:
    """As many of `pool` as are `share` of the final mix, or all when there are fewer; the same ones for the same seed."""
    wanted = round(train * share / (1 - share)) if share < 1 else len(pool)
    return random.Random(seed).sample(pool, min(wanted, len(pool)))
