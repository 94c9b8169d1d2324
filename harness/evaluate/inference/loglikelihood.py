"""Score the continuations of a context by log-likelihood: all in one pass, the context read once.

The continuations of a context stand behind it in one row. Each starts at the position after the context and sees the
context and itself, never its neighbours: a tree of tokens under one attention mask (as in SpecInfer,
arXiv:2305.09781). So a question with four answers costs one row, not four, and only the positions that predict a
continuation's token go through the output layer.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from harness.evaluate.inference.attention import Frame, Prefix, run

Likelihoods = tuple[tuple[float, bool], ...]
"""Of each continuation the sum of its tokens' log-probabilities, in nats, and whether each was the likeliest."""
ROW_TOKENS = 8192
LOGIT_ROWS = 1024
"""Bounds of one pass: tokens, and positions that go through the output layer (each is one value a vocabulary entry)."""


@dataclass(frozen=True)
class Tree:
    """A context, without the prefix it shares (at least one token), and its continuations (at least one token each)."""

    context: tuple[int, ...]
    options: tuple[tuple[int, ...], ...]

    @property
    def tokens(self) -> list[int]:
        """What is read: a continuation's last token predicts nothing that is asked for."""
        return [*self.context, *(token for option in self.options for token in option[:-1])]

    def after(self, shared: int) -> "Tree":
        """The same without the first `shared` tokens, which a prefix holds."""
        return Tree(self.context[shared:], self.options)

    @property
    def asked(self) -> int:
        """Positions that predict: the context's last, and each continuation token that is read."""
        return 1 + sum(len(option) - 1 for option in self.options)


def encode_pair(encode: Callable[[str], list[int]], context: str, option: str) -> tuple[list[int], list[int]]:
    """Tokens of a context and of its continuation, cut where the context alone ends.

    The rule of lm-evaluation-harness: spaces at the context's end belong to the continuation, and the continuation is
    what the whole text's tokens add to the context's.
    """
    bare = context.rstrip()
    start = encode(bare)
    return start, encode(context + option)[len(start) :]


@torch.inference_mode()
def loglikelihoods(model: PreTrainedModel, prefix: Prefix, trees: Sequence[Tree], width: int) -> list[Likelihoods]:
    """What is known of each tree's continuations after `prefix` and context; in order of `trees`."""
    found: list[Likelihoods] = [()] * len(trees)
    order = sorted(range(len(trees)), key=lambda place: (-len(trees[place].tokens), place))
    for places in _batches(order, trees, width):
        rows = [trees[place] for place in places]
        for place, known in zip(places, _score(model, prefix, rows), strict=True):
            found[place] = known
    return found


def _batches(order: Sequence[int], trees: Sequence[Tree], width: int) -> Iterator[list[int]]:
    batch: list[int] = []
    asked = 0
    for place in order:
        asked = max(asked, trees[place].asked)
        rows = len(batch) + 1
        longest = len(trees[(batch or [place])[0]].tokens)
        if batch and (rows > width or rows * longest > ROW_TOKENS or rows * asked > LOGIT_ROWS):
            yield batch
            batch, asked = [], trees[place].asked
        batch.append(place)
    if batch:
        yield batch


def _score(model: PreTrainedModel, prefix: Prefix, rows: Sequence[Tree]) -> list[Likelihoods]:
    """One pass. Rows are padded on the left, so that the positions asked for are the last ones of every row."""
    asked = max(row.asked for row in rows)
    length = max(asked, *(len(row.tokens) for row in rows))
    ids, positions, branches = (
        torch.tensor([_left(each, length, fill) for each in columns], device=model.device)
        for columns, fill in (
            ([row.tokens for row in rows], 0),
            ([_positions(row) for row in rows], 0),
            ([_branches(row) for row in rows], -1),
        )
    )
    frame = Frame(prefix, _visible(branches))
    logits = run(model, ids, positions + prefix.length, frame, logits_to_keep=asked).logits
    return [_sums(logits[place, asked - row.asked :], row) for place, row in enumerate(rows)]


def _sums(logits: torch.Tensor, row: Tree) -> Likelihoods:
    """`logits` has one line a predicting position: the context's last, then each continuation's tokens in turn."""
    lines: list[int] = []
    targets: list[int] = []
    place = 1
    for option in row.options:
        lines += [0, *range(place, place + len(option) - 1)]
        targets += option
        place += len(option) - 1
    logits, wanted = logits.float(), torch.tensor(targets)
    chosen = (logits[torch.tensor(lines), wanted] - logits.logsumexp(dim=-1)[torch.tensor(lines)]).double().cpu()
    likeliest = logits.argmax(dim=-1).cpu()[torch.tensor(lines)] == wanted
    sizes = [len(option) for option in row.options]
    return tuple(
        (float(part.sum()), bool(same.all()))
        for part, same in zip(chosen.split(sizes), likeliest.split(sizes), strict=True)
    )


def _positions(row: Tree) -> list[int]:
    start = len(row.context)
    return [*range(start), *(start + step for option in row.options for step in range(len(option) - 1))]


def _branches(row: Tree) -> list[int]:
    """0 for the context's tokens, 1, 2, ... for those of each continuation; padding has -1."""
    tails = (number for number, option in enumerate(row.options, start=1) for _ in option[:-1])
    return [*[0] * len(row.context), *tails]


def _left(values: Sequence[int], length: int, fill: int) -> list[int]:
    return [*[fill] * (length - len(values)), *values]


def _visible(branches: torch.Tensor) -> torch.Tensor:
    """(rows, 1, tokens, tokens): the context and one's own branch, up to oneself. Padding sees itself only."""
    query, key = branches[:, :, None], branches[:, None, :]
    places = torch.arange(branches.shape[1], device=branches.device)
    earlier = places[:, None] >= places[None, :]
    itself = places[:, None] == places[None, :]
    return ((((key == 0) | (key == query)) & (key >= 0) & earlier) | itself)[:, None]
