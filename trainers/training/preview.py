"""Preview a training: its rows token by token, and its steps, time and memory."""

import time
from collections.abc import Sequence
from typing import TypeVar

from transformers import PreTrainedTokenizerBase

from harness.types import Estimate, Json, Preview, PreviewRow, TokenKind, TuneRequest
from trainers.model import parameters
from trainers.model.language_model import LanguageModel
from trainers.model.memory import fitting, peak_bytes
from trainers.rows import dataset
from trainers.rows.batches import schedule
from trainers.rows.tokens import TokenRow, TokenRows
from trainers.training import choices, exactness
from trainers.training.descent import accumulate
from trainers.training.loss import Layout

T = TypeVar("T")
TRIALS = 3
KINDS: dict[tuple[bool, bool], TokenKind] = {
    (False, False): "context",
    (False, True): "special",
    (True, False): "supervised",
    (True, True): "stop",
}
"""(Is it learnt, is it a control token) to the name of its kind."""


def preview(request: TuneRequest, count: int) -> Preview:
    """`count` rows evenly spread over the training set, as they would be trained. Raises what training would raise."""
    base = parameters.open_for(request)
    built = dataset.parts(request, base).train
    rows = tuple(shown(row, base.tokenizer) for row in spread(built.rows, count))
    return Preview(rows=rows, fates=built.fates, tokens=built.tokens, reasons=built.reasons)


def estimate(request: TuneRequest) -> Estimate:
    """Steps, tokens, time and memory of the training that `request` asks for. Nothing is written.

    The time is that of a few steps of median length, the memory that of the longest step, both tried here and now.
    """
    base = parameters.open_for(request)
    built = dataset.parts(request, base).train
    filled = choices.fill(request.recipe, parameters.parameters(base.model), len(built.rows), base.max_tokens)
    model = parameters.attach(base.model, filled.recipe)
    layout, findings = exactness.choose(model, built.rows, filled.recipe, base.tokenizer)
    weights, seconds = parameters.counted(model), _seconds_a_step(model, built, filled, layout)
    return Estimate(
        steps=filled.steps,
        rows=built.fates,
        tokens=built.tokens,
        seconds=seconds * filled.steps,
        peak_bytes=peak_bytes(),
        weights=weights.all,
        trained_weights=weights.trained,
        choices=filled.reasons,
        details={"rows of a step": layout, **_words(findings)},
    )


def spread(rows: Sequence[T], count: int) -> Sequence[T]:
    """`count` of the rows, evenly spread."""
    return rows[:: max(1, len(rows) // max(1, count))][:count]


def shown(row: TokenRow, tokenizer: PreTrainedTokenizerBase, counts: str = "") -> PreviewRow:
    """A row token by token; `counts` stands beside its id, where it is not how many tokens there are."""
    special = frozenset(tokenizer.added_tokens_decoder)
    kinds = ((KINDS[learn, token in special]) for token, learn in zip(row.ids, row.supervised, strict=True))
    texts = (str(tokenizer.decode([token])) for token in row.ids)
    return PreviewRow(id=row.id, tokens=tuple(zip(texts, kinds, strict=True)), counts=counts)


def _words(findings: dict[str, Json]) -> dict[str, str]:
    refused = findings.get("refused")
    return {f"not {layout}": str(why) for layout, why in refused.items()} if isinstance(refused, dict) else {}


def _seconds_a_step(model: LanguageModel, built: TokenRows, filled: choices.Filled, layout: Layout) -> float:
    assert filled.recipe.batch_size is not None
    lengths = [len(row.ids) for row in built.rows]
    batches = list(schedule(lengths, filled.recipe.batch_size, filled.steps, filled.recipe.seed))
    by_cost = sorted(batches, key=lambda batch: sum(lengths[place] for place in batch))
    _try(model, built.rows, by_cost[-1], layout)
    return min(_try(model, built.rows, by_cost[len(by_cost) // 2], layout) for _ in range(TRIALS))


def _try(model: LanguageModel, rows: Sequence[TokenRow], batch: Sequence[int], layout: Layout) -> float:
    began = time.monotonic()
    with fitting(f"a step of {len(batch)} rows, the longest of {max(len(rows[place].ids) for place in batch)} tokens"):
        accumulate(model.train(), [rows[place] for place in batch], layout)
    model.zero_grad()
    return time.monotonic() - began
