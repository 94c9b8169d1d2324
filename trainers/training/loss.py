"""Sum the negative log-likelihood over the supervised tokens of some rows, at the least cost that is exact.

Two savings, both exact, make a step cheap where answers are short and prompts are long:

- The vocabulary is projected only where a token is supervised. Rows are padded on the left, so the answers line up at
  the right end and `logits_to_keep` takes just that block.
- The tokens that all rows of the batch start with (system text, worked examples) run through the model once, with
  gradients; every row then attends to their keys and values. In causal attention a position depends only on what stands
  before it, so the loss and its gradient are those of the padded batch. Virtual tokens of an adapter are such a start.
"""

from collections.abc import Iterator, Sequence
from os.path import commonprefix
from typing import Any, NamedTuple

import torch

from trainers.model import parameters
from trainers.rows.tokens import TokenRow

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
    mask: torch.Tensor
    positions: torch.Tensor
    targets: torch.Tensor


def nll_sum(model: Any, batch: TrainingBatch) -> torch.Tensor:
    """Summed negative log-likelihood of the batch's supervised tokens, in nats, float32."""
    rows, kept = batch.targets.shape
    mask, (reader, past) = batch.mask, parameters.start(model)
    virtual = past.get_seq_length() if past is not None else 0
    if batch.shared.shape[1]:
        past = reader(input_ids=batch.shared, past_key_values=past, use_cache=True, logits_to_keep=1).past_key_values
    if past is not None:
        past.batch_repeat_interleave(rows)
        mask = torch.cat([mask.new_ones(rows, past.get_seq_length()), mask], dim=1)
    logits = reader(
        input_ids=batch.ids,
        attention_mask=mask,
        position_ids=batch.positions + virtual,
        past_key_values=past,
        use_cache=past is not None,
        logits_to_keep=kept,
    ).logits
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), batch.targets.flatten(), ignore_index=IGNORE, reduction="sum"
    )


def collate(rows: Sequence[TokenRow], device: torch.device, share: bool = True) -> TrainingBatch:
    """Tensors of some rows. The last token of a row is only predicted, never read, so it is not among the inputs."""
    shared = _shared_length(rows) if share and len(rows) > 1 else 0
    width = max(len(row.ids) for row in rows) - 1 - shared
    kept = max(len(row.ids) - row.first for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    targets = torch.full((len(rows), kept), IGNORE, dtype=torch.long)
    for place, row in enumerate(rows):
        inputs = torch.tensor(row.ids[shared:-1])
        ids[place, width - len(inputs) :] = inputs
        mask[place, width - len(inputs) :] = 1
        wanted = [token if learn else IGNORE for token, learn in zip(row.ids, row.supervised, strict=True)]
        targets[place, kept - (len(wanted) - row.first) :] = torch.tensor(wanted[row.first :])
    positions = shared + (mask.cumsum(1) - 1).clamp(min=0)
    start = torch.tensor([rows[0].ids[:shared]], dtype=torch.long)
    return TrainingBatch(*(tensor.to(device) for tensor in (start, ids, mask, positions, targets)))


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
