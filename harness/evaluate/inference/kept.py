"""Keep the keys and values of conversations that may continue, so that their next turn reads only what is new.

A conversation's next prompt begins with the tokens of its last one, and mostly with those of the answer. Rows are found by
the longest beginning that they share with a prompt, whoever asked for them. Memory is bounded; the oldest rows go first.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from harness.evaluate.inference.attention import KeyValue, Prefix
from harness.evaluate.inference.prefix import common

RowTokens = tuple[int, ...]

CPU_BYTES, GPU_SHARE = 2**30, 0.1
"""What they may take: of a processor's memory, and as a share of a GPU's."""
LEAST = 16
"""Fewer tokens are read again: putting them in place costs as much."""


@dataclass(frozen=True)
class KeptRow:
    """One row that was written: the shared prefix it stood behind, and its own keys and values."""

    prefix: Prefix
    own: tuple[KeyValue, ...]
    asked: int
    """How many of its tokens are the prompt's; the rest was written."""

    def between(self, start: int, end: int) -> list[KeyValue]:
        """Keys and values of the tokens from `start` to `end`, counted from the start of the prefix."""
        length = self.prefix.length
        before: Sequence[KeyValue | None] = self.prefix.layers or [None] * len(self.own)
        return [_cut(each, own, length, start, end) for each, own in zip(before, self.own, strict=True)]


class KeptRows:
    """The rows of one model with one adapter, in the order in which they were written.

    `bytes` is what they take, each prefix counted once; `spared` counts tokens that were not read again.
    """

    def __init__(self, most: int) -> None:
        self.most, self.bytes, self.spared = most, 0, 0
        self._rows: dict[RowTokens, KeptRow] = {}
        self._sorted: list[RowTokens] = []
        self._users: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._rows)

    def clear(self) -> None:
        for tokens in list(self._rows):
            self._drop(tokens)

    def known(self, tokens: RowTokens, prefix: Prefix) -> list[KeyValue]:
        """Keys and values of the first tokens of a prompt behind `prefix`; none where too few are known.

        The prompt's last token is always read: what follows is chosen from it.
        """
        return self._find(tokens, len(tokens) - 1, prefix)

    def prefix(self, tokens: RowTokens, start: Prefix) -> Prefix:
        """As much as is known of a prefix of several prompts, behind `start`."""
        known = self._find(tokens, len(tokens), start)
        if not known:
            return start
        before: Sequence[KeyValue | None] = start.layers or [None] * len(known)
        length = start.length + known[0][0].shape[2]
        layers = [_cut(each, own, start.length, 0, length) for each, own in zip(before, known, strict=True)]
        return Prefix(length, layers, start.virtual)

    def _find(self, tokens: RowTokens, most: int, prefix: Prefix) -> list[KeyValue]:
        near = ((min(most, common(tokens, row)), row) for row in self._near(tokens))
        shared, found = max(near, default=(0, ()))
        if shared - prefix.tokens < LEAST:
            return []
        self.spared += shared - prefix.tokens
        return self._rows[found].between(prefix.length, shared + prefix.virtual)

    def keep(self, tokens: RowTokens, prefix: Prefix, own: Sequence[KeyValue], asked: int) -> None:
        """Keep a row in place of the one that it continues, whose answer may be written otherwise now."""
        for old in self._near(tokens):
            prompt = self._rows[old].asked
            if tokens[:prompt] == old[:prompt]:
                self._drop(old)
        self._rows[tokens] = KeptRow(prefix, tuple(own), asked)
        insort(self._sorted, tokens)
        self.bytes += _bytes(own) + (0 if self._users[id(prefix)] else _bytes(prefix.layers))
        self._users[id(prefix)] += 1
        while self.bytes > self.most:
            self._drop(next(iter(self._rows)))

    def _near(self, tokens: RowTokens) -> list[RowTokens]:
        """The rows beside `tokens` in order: none shares a longer beginning with it."""
        place = bisect_left(self._sorted, tokens)
        return self._sorted[max(0, place - 1) : place + 1]

    def _drop(self, tokens: RowTokens) -> None:
        row = self._rows.pop(tokens)
        del self._sorted[bisect_left(self._sorted, tokens)]
        self._users[id(row.prefix)] -= 1
        self.bytes -= _bytes(row.own) + (0 if self._users[id(row.prefix)] else _bytes(row.prefix.layers))


def kept_rows(device: torch.device) -> KeptRows:
    """None yet, with as much room as the device has for them."""
    total = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else 0
    return KeptRows(int(GPU_SHARE * total) if total else CPU_BYTES)


def _cut(before: KeyValue | None, own: KeyValue, length: int, start: int, end: int) -> KeyValue:
    keys, values = (_slice(before[n] if before else None, own[n], length, start, end) for n in (0, 1))
    return keys, values


def _slice(before: torch.Tensor | None, own: torch.Tensor, length: int, start: int, end: int) -> torch.Tensor:
    behind = own[:, :, max(0, start - length) : max(0, end - length)]
    if before is None or start >= length:
        return behind
    return torch.cat([before[:, :, start : min(end, length)], behind], dim=2)


def _bytes(layers: Sequence[KeyValue]) -> int:
    return sum(part.numel() * part.element_size() for layer in layers for part in layer)
