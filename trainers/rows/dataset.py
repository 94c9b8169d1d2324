"""Load the rows to train on: those of the dataset, and a share of replay against forgetting."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.core.codec import digest, file_digest, read, read_lines
from harness.core.conversations import answer_of, over_budget, unfolded
from harness.core.rendering import stop_ids
from harness.core.set_aside import by_hash, set_aside
from harness.errors import InputError
from harness.types import Case, Dataset, Recipe, TuneRequest
from trainers.model import parameters
from trainers.rows import tokens
from trainers.rows.tokens import TRAINED

VALIDATION = "validation"
"""Fate of a row that is set aside to choose the checkpoint by."""
LEAST_ROWS, MOST_ASIDE = 100, 64
"""Of fewer rows none is set aside, and never more than so many."""
TRAIN, REPLAY, MANIFEST = "train.jsonl", "replay.jsonl", "dataset.json"


def rows(request: TuneRequest, base: parameters.Base) -> tokens.TokenRows:
    """The request's cases as rows of `base`'s tokens.

    Raises InvalidError when one of them was held out, InputError when the dataset cannot be used.
    """
    every = cases(request)
    tokens.refuse_held_out(every, request.held_out_ids)
    limit = min(request.recipe.max_tokens or base.max_tokens, base.max_tokens)
    stop = stop_ids(base.tokenizer, request.base)
    reasoning: Any = request.recipe.options.get("reasoning", "drop")
    options = request.template_options
    renderer = tokens.Renderer(base.tokenizer, stop, request.prompt, limit, options, reasoning)
    return tokens.build(every, renderer, request.recipe)


class Parts(NamedTuple):
    train: tokens.TokenRows
    """Without the other two; their rows have the fate `validation`."""
    validation: list[tokens.TokenRow]
    """To choose the checkpoint by; may be empty."""
    guard: list[tokens.TokenRow]
    """Replay rows, to see forgetting by; may be empty."""


def parts(request: TuneRequest, base: parameters.Base) -> Parts:
    """The rows of `rows`, with some set aside. Raises what `rows` raises.

    Whole groups of near-duplicates are set aside together: what validates must not have trained in other words. Which
    ones is a function of their names and the recipe's seed, so a dataset that grows keeps most of its choice.
    """
    built, every = rows(request, base), answers(request)
    drawn = _aside([case for case in every if case.split != "replay"], request.recipe)
    aside = frozenset(request.validation_ids) or drawn
    guard = _aside([case for case in every if case.split == "replay"], request.recipe) if aside else frozenset()
    train = [row for row in built.rows if not _is_of(row, aside | guard)]
    fates = dict(built.fates)
    if len(train) < len(built.rows):
        trained = len(_taught(train))
        fates = {TRAINED: trained, VALIDATION: len(_taught(built.rows)) - trained} | {
            fate: count for fate, count in fates.items() if fate not in tokens.LEARNT
        }
    return Parts(
        built._replace(rows=train, fates=fates),
        [one for row in built.rows if _is_of(row, aside) for one in tokens.apart(row)],
        [row for row in built.rows if _is_of(row, guard)],
    )


def _is_of(row: tokens.TokenRow, ids: frozenset[str]) -> bool:
    """Whether one of the row's answers is among `ids`."""
    return not ids.isdisjoint((row.id, *row.earlier))


def _taught(rows: list[tokens.TokenRow]) -> set[str]:
    return {ident for row in rows for ident in (row.id, *row.earlier)}


def none_aside(recipe: Recipe) -> str:
    """Why no row was set aside."""
    if not recipe.validation_share:
        return "no rows are set aside to choose by, since [tune] validation_share is 0"
    return f"no rows are set aside to choose by: of fewer than {LEAST_ROWS} all train, and groups stay whole"


def _aside(cases: list[Case], recipe: Recipe) -> frozenset[str]:
    """Ids of the cases that are set aside: whole groups, in the order of their hash, up to the recipe's share."""
    enough = len(cases) >= LEAST_ROWS or any(case.split == "replay" for case in cases)
    wanted = min(MOST_ASIDE, round(recipe.validation_share * len(cases))) if enough else 0
    return frozenset(case.id for case in set_aside(cases, wanted, by_hash(recipe.seed))[1])


def cases(request: TuneRequest) -> list[Case]:
    """All rows of `train.jsonl`, which may share several answers, and from `replay.jsonl` as many as make up the recipe's
    share of all answers."""
    folder = Path(request.dataset)
    if not (folder / TRAIN).exists():
        raise InputError(f"the dataset has no {TRAIN}", where=str(folder), next="trueup curate")
    train = list(read_lines(folder / TRAIN, Case))
    pool = list(read_lines(folder / REPLAY, Case)) if (folder / REPLAY).exists() else []
    taught = sum(1 + len(row.turns) for row in train)
    return train + _draw(pool, taught, request.recipe.replay_share, request.recipe.seed)


def answers(request: TuneRequest) -> list[Case]:
    """The cases of `cases`, one for each answer: for recipes whose rows cannot share several."""
    return [case for row in cases(request) for case in unfolded(row)]


def within_budget(found: Sequence[Case], folder: str | Path) -> list[Case]:
    """Of cases that share no rows those that the dataset's budget of tokens for one conversation pays for, in their order:
    failures first. See `[curate] context_budget`."""
    manifest = Path(folder) / MANIFEST
    notes = read(manifest, Dataset).notes if manifest.exists() else {}
    options: Any = notes.get("options") or {}
    ranked = [answer_of(case, (not case.failed, digest(case.id))) for case in found]
    left_out = frozenset(over_budget(ranked, float(options.get("context_budget", 0.0)), shared=False))
    return [case for place, case in enumerate(found) if place not in left_out]


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
