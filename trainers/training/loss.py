"""Sum the negative log-likelihood over the supervised tokens of some rows, at the least cost that is exact.

Two savings, both exact, make a step cheap where answers are short and prompts are long:

- The vocabulary is projected only where a token is supervised: `logits_to_keep` takes the block that all answers are in.
- The tokens that all rows of the batch start with (system text, worked examples) run through the model once, with
  gradients; every row then attends to their keys and values. In full causal attention a position depends only on what
  is before it, so the loss and its gradient are those of the padded batch. Virtual tokens of an adapter are such a start.

Which of the three layouts is exact for a model is measured before the first step (`trainers.training.exactness`).
"""

from collections.abc import Iterator, Sequence
from os.path import commonprefix
from typing import Any, Literal, NamedTuple

import torch

from harness.evaluate.inference.head import accepts
from trainers.model import parameters
from trainers.model.language_model import LanguageModel, base_of
from trainers.rows.tokens import TokenRow

Layout = Literal["shared", "padded", "single"]
"""Common starts shared and rows padded on the left; rows padded on the right; one row at a time."""
IGNORE = -100
MAX_TOKENS = 8192
"""Most padded tokens of one forward pass. More rows are split; gradients add up to the same."""
MAX_LOGITS = 1 << 27
"""Most logits of one forward pass: 512 MiB in float32."""
WORTH_A_PASS = 64
"""Tokens that one more forward pass has to save."""


class TrainingBatch(NamedTuple):
    """Rows as tensors. `ids`, `mask`, `positions`: [rows, longest - shared]; `targets`: [rows, kept]."""

    shared: torch.Tensor
    """[1, shared]: what all rows start with; may be empty."""
    ids: torch.Tensor
    mask: torch.Tensor | None
    """None where padding is on the right: no token sees what comes after it."""
    positions: torch.Tensor
    targets: torch.Tensor
    """Of the last `kept` positions."""


def nll_sum(model: LanguageModel, batch: TrainingBatch) -> torch.Tensor:
    """Summed negative log-likelihood of the batch's supervised tokens, in nats, float32."""
    rows, kept = batch.targets.shape
    mask, (reader, past) = batch.mask, parameters.start(model)
    virtual = past.get_seq_length() if past is not None else 0
    if batch.shared.shape[1]:
        past = reader(
            input_ids=batch.shared,
            past_key_values=past,
            use_cache=True,
            logits_to_keep=1,
            **_plain_text(reader, batch.shared),
        ).past_key_values
    if past is not None:
        past.batch_repeat_interleave(rows)
        if mask is not None:
            mask = torch.cat([mask.new_ones(rows, past.get_seq_length()), mask], dim=1)
    options: dict[str, Any] = {"logits_to_keep": kept} if accepts(base_of(model), "logits_to_keep") else {}
    if past is not None or mask is not None:
        options |= {"past_key_values": past, "attention_mask": mask, "position_ids": batch.positions + virtual}
    logits = reader(input_ids=batch.ids, use_cache=past is not None, **options, **_plain_text(reader, batch.ids)).logits
    return torch.nn.functional.cross_entropy(
        logits[:, -kept:].flatten(0, 1).float(), batch.targets.flatten(), ignore_index=IGNORE, reduction="sum"
    )


def _plain_text(reader: LanguageModel, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """What a multimodal model wants to be told in training: none of the tokens is an image's.

    In a model of text alone the same argument may be an embedding to add, as in GPT-2.
    """
    base = base_of(reader)
    multimodal = base.config.get_text_config() is not base.config
    names = (name for name in ("token_type_ids", "mm_token_type_ids") if multimodal and accepts(base, name))
    return {name: torch.zeros_like(ids) for name in names}


def plain_nll(model: LanguageModel, row: TokenRow) -> torch.Tensor:
    """As `nll_sum` of one row, by the plainest call there is: the measure of every other."""
    kept, ids = len(row.ids) - row.first, torch.tensor([row.ids], device=model.device)
    options = {"logits_to_keep": kept} if accepts(base_of(model), "logits_to_keep") else {}
    logits = model(input_ids=ids[:, :-1], use_cache=False, **options).logits[0, -kept:].float()
    learnt = torch.tensor(row.supervised[row.first :], device=model.device)
    return torch.nn.functional.cross_entropy(logits[learnt], ids[0, row.first :][learnt], reduction="sum")


def masked_nll(model: LanguageModel, rows: Sequence[TokenRow], *, left: bool) -> torch.Tensor:
    """As `plain_nll`, of all rows in one call that is told of the padding by a mask alone, as TRL's trainers make it.

    Rows are padded on the right; with `left` the prompts are padded on the left too, so that all answers begin at one place.
    """
    firsts = [row.first for row in rows]
    gaps = [max(firsts) - first if left else 0 for first in firsts]
    width = max(gap + len(row.ids) for gap, row in zip(gaps, rows, strict=True))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask, targets = torch.zeros_like(ids), torch.full_like(ids, IGNORE)
    for place, (gap, row) in enumerate(zip(gaps, rows, strict=True)):
        where = slice(gap, gap + len(row.ids))
        ids[place, where], mask[place, where] = torch.tensor(row.ids), 1
        targets[place, where] = torch.tensor(
            [token if learn else IGNORE for token, learn in zip(row.ids, row.supervised, strict=True)]
        )
    logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device), use_cache=False).logits
    return torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(),
        targets[:, 1:].flatten().to(model.device),
        ignore_index=IGNORE,
        reduction="sum",
    )


def collate(rows: Sequence[TokenRow], device: torch.device, share: bool = True) -> TrainingBatch:
    """Tensors of some rows. The last token of a row is only predicted, never read, so it is not among the inputs.

    With `share` the common start is apart and rows are padded on the left, else they are whole and padded on the right.
    """
    shared = _shared_length(rows) if share and len(rows) > 1 else 0
    width = max(len(row.ids) for row in rows) - 1 - shared
    first = min(row.first + (width + shared + 1 - len(row.ids) if share else 0) for row in rows) - 1 - shared
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask, targets = torch.zeros_like(ids), torch.full_like(ids, IGNORE)
    for place, row in enumerate(rows):
        own = len(row.ids) - 1 - shared
        where = slice(width - own, width) if share else slice(0, own)
        ids[place, where] = torch.tensor(row.ids[shared:-1])
        mask[place, where] = 1
        wanted = [token if learn else IGNORE for token, learn in zip(row.ids, row.supervised, strict=True)]
        targets[place, where] = torch.tensor(wanted[shared + 1 :])
    positions = shared + (mask.cumsum(1) - 1).clamp(min=0)
    start = torch.tensor([rows[0].ids[:shared]], dtype=torch.long)
    moved = (tensor.to(device) for tensor in (start, ids, mask, positions, targets[:, first:]))
    batch = TrainingBatch(*moved)
    return batch if share else batch._replace(mask=None)


def pieces(rows: Sequence[TokenRow], vocabulary: int, layout: Layout) -> Iterator[list[TokenRow]]:
    """The rows of one optimizer step as each forward pass reads them."""
    if layout == "single":
        yield from ([row] for row in rows)
    for part in families(rows) if layout == "shared" else [list(rows)]:
        if part and layout != "single":
            yield from split(part, vocabulary)


def families(rows: Sequence[TokenRow]) -> list[list[TokenRow]]:
    """Rows parted where that lets more of their tokens run once: a row of another prompt spoils what the others share.

    In the order of their tokens, rows with a common start are neighbours, so a cut is enough; the best one first.
    """
    ordered = sorted(rows, key=lambda row: row.ids)
    cuts = range(1, len(ordered))
    best = max(cuts, key=lambda cut: _saved(ordered[:cut]) + _saved(ordered[cut:]), default=0)
    if not best or _saved(ordered[:best]) + _saved(ordered[best:]) <= _saved(ordered) + WORTH_A_PASS:
        return [ordered]
    return families(ordered[:best]) + families(ordered[best:])


def _saved(rows: Sequence[TokenRow]) -> int:
    """Tokens that sharing the rows' common start leaves out."""
    return _shared_length(rows) * (len(rows) - 1)


def split(rows: Sequence[TokenRow], vocabulary: int) -> Iterator[list[TokenRow]]:
    """Rows of one optimizer step in pieces that one forward pass can hold."""
    piece: list[TokenRow] = []
    for row in sorted(rows, key=lambda row: len(row.ids)):
        longer = [*piece, row]
        tokens = len(longer) * len(row.ids)
        logits = len(longer) * max(len(each.ids) - each.first for each in longer) * vocabulary
        if piece and (tokens > MAX_TOKENS or logits > MAX_LOGITS):
            yield piece
            longer = [row]
        piece = longer
    yield piece


def _shared_length(rows: Sequence[TokenRow]) -> int:
    """Length of the common start; the token before the first supervised one stays outside, since it predicts."""
    common = len(commonprefix([row.ids for row in rows]))
    return max(0, min(common, *(row.first - 1 for row in rows)))
