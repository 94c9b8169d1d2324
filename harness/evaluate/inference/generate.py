"""Generate replies for many prompts at once: one decode loop in which finished rows make room for waiting ones.

The rows of a batch live in slots. A slot holds the keys and values of one row's own tokens, from place 0 on, so a
new row moves into a free slot without touching its neighbours and no row is ever padded on the left. Prompts are read
up to their last token; that token goes through the same step as every token after it. Rows are taken longest first.
What is known of a row from an earlier turn is put into its slot, and only the rest is read.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import torch
from transformers import PreTrainedModel

from harness.evaluate.inference.attention import Frame, KeyValue, Prefix, run
from harness.evaluate.inference.sampling import Sampling, pick

PREFILL_TOKENS = 8192
PREFILL_SCORES = 2**23
"""Bounds of one prompt-reading pass: tokens in all, and attention scores of one head."""
PREFILL_SMALL = 512
FULL = 0.85
"""A pass of more than so many tokens is cut where less than this share of them would be prompt: the rest is padding."""


class TokenMatcher(Protocol):
    """Holds one reply to a grammar, token by token; see `_grammar`."""

    @property
    def problem(self) -> str: ...

    def allowed(self) -> torch.Tensor: ...

    def take(self, token: int) -> bool: ...


@dataclass(frozen=True)
class DecodingRow:
    """One prompt, without the prefix it shares, and how to go on from it."""

    tokens: tuple[int, ...]
    max_new: int
    sampling: Sampling = Sampling()
    stopped: Callable[[list[int]], bool] = lambda tokens: False
    """Says after each new token whether a stop string has been written."""
    matcher: Callable[[], TokenMatcher | None] = lambda: None
    """A new matcher of the row's grammar; None: it may write anything."""
    watch: Callable[[torch.Tensor], None] | None = None
    """Is given the logits, (vocabulary,), that each new token is chosen from."""
    known: Sequence[KeyValue] = ()
    """Keys and values of its first tokens, one pair a layer of one row: these are not read again."""
    keep: Callable[[list[int], list[KeyValue]], None] | None = None
    """Is given what was written, and the keys and values of all its tokens but the last one written."""

    @property
    def known_tokens(self) -> int:
        return self.known[0][0].shape[2] if self.known else 0

    @property
    def unread(self) -> int:
        """Tokens that are read before the first new one is chosen."""
        return len(self.tokens) - self.known_tokens


@dataclass
class Written:
    """The new tokens, with the end token if there is one, why they end, and the row's share of the time."""

    tokens: list[int] = field(default_factory=list)
    finish: str = ""
    seconds: float = 0.0
    problem: str = ""
    """Why its grammar could not be kept to; empty when it was, or there is none."""

    def take(self, token: int, row: DecodingRow, matcher: TokenMatcher | None, ends: frozenset[int]) -> None:
        """Add the row's next token, and say whether it is the last."""
        self.tokens.append(token)
        whole = matcher is not None and matcher.take(token)
        if matcher is not None:
            self.problem = matcher.problem
        if whole or token in ends or row.stopped(self.tokens):
            self.finish = "stop"
        elif len(self.tokens) >= row.max_new:
            self.finish = "length"


class Slots:
    """Keys and values of the rows' own tokens, one (slots, key heads, places, head size) pair a layer."""

    def __init__(self) -> None:
        self.layers: list[KeyValue] = []
        self.places = 0

    def fill(self, slots: torch.Tensor, total: int) -> Callable[[int, KeyValue], KeyValue]:
        """Storing function for freshly read prompts, which attend to themselves only."""

        def keep(layer: int, new: KeyValue) -> KeyValue:
            if layer == len(self.layers):
                self.layers.append(_rooms(new, total, self.places))
            for kept, each in zip(self.layers[layer], new, strict=True):
                kept[slots, :, : each.shape[2]] = each
            return new

        return keep

    def put(self, slots: Sequence[int], known: Sequence[Sequence[KeyValue]], total: int) -> None:
        """Put what is known of rows at the beginning of their slots; `known`: for each slot, a pair a layer."""
        for layer, like in enumerate(next(filter(None, known))):
            if layer == len(self.layers):
                self.layers.append(_rooms(like, total, self.places))
            for slot, row in zip(slots, known, strict=True):
                for kept, each in zip(self.layers[layer], row[layer] if row else (), strict=False):
                    kept[slot, :, : each.shape[2]] = each[0]

    def extend(self, slots: torch.Tensor, places: torch.Tensor, total: int) -> Callable[[int, KeyValue], KeyValue]:
        """Storing function for tokens at `places`, (slots, tokens), behind what their slots hold."""

        def keep(layer: int, new: KeyValue) -> KeyValue:
            for kept, each in zip(self.layers[layer], new, strict=True):
                kept[slots[:, None], :, places] = each.transpose(1, 2)
            key, value = self.layers[layer]
            return key[slots, :, :total], value[slots, :, :total]

        return keep

    def of(self, slot: int, length: int) -> list[KeyValue]:
        """A copy of what a slot holds, a pair a layer."""
        cut = slice(slot, slot + 1), slice(None), slice(length)
        return [(key[cut].clone(), value[cut].clone()) for key, value in self.layers]

    def append(self, lengths: torch.Tensor, total: int) -> Callable[[int, KeyValue], KeyValue]:
        """Storing function for one new token a slot, each put behind the slot's own last."""
        every = torch.arange(len(lengths), device=lengths.device)

        def keep(layer: int, new: KeyValue) -> KeyValue:
            if layer == len(self.layers):
                self.layers.append(_rooms(new, len(lengths), self.places))
            for kept, each in zip(self.layers[layer], new, strict=True):
                kept[every, :, lengths] = each[:, :, 0]
            key, value = self.layers[layer]
            return key[:, :, :total], value[:, :, :total]

        return keep

    def reserve(self, places: int) -> None:
        """Make room for `places` tokens a slot, and some more, so that growing stays rare."""
        if places > self.places:
            self.places = places + max(32, places // 4)
            for layer, (key, value) in enumerate(self.layers):
                self.layers[layer] = (_grown(key, self.places), _grown(value, self.places))

    def select(self, slots: torch.Tensor) -> None:
        """Keep these slots only, in this order."""
        self.layers = [(key.index_select(0, slots), value.index_select(0, slots)) for key, value in self.layers]


class DecodingBatch:
    """The live rows of one group under one prefix, and the slots they sit in."""

    def __init__(
        self, model: PreTrainedModel, prefix: Prefix, rows: Sequence[DecodingRow], width: int, ends: frozenset[int]
    ):
        self.model, self.prefix, self.rows, self.ends = model, prefix, rows, ends
        self.written = [Written() for _ in rows]
        self.matchers = [row.matcher() for row in rows]
        self.waiting = deque(sorted(range(len(rows)), key=lambda place: (-rows[place].unread, place)))
        self.slots: list[int | None] = [None] * min(width, len(rows))
        self.lengths = [0] * len(self.slots)
        self.cache = Slots()

    @property
    def live(self) -> list[int]:
        return [slot for slot, place in enumerate(self.slots) if place is not None]

    def admit(self) -> None:
        """Fill free slots once an eighth is free; when nothing waits, give the free slots up instead."""
        free = [slot for slot, place in enumerate(self.slots) if place is None]
        if len(free) * 8 < len(self.slots):
            return
        if not self.waiting:
            self._shrink()
        while free and self.waiting:
            next_ = [self.rows[place] for place in islice(self.waiting, len(free))]
            before = self.prefix.length + max(row.known_tokens for row in next_)
            count = _prefill_rows([row.unread for row in next_], before)
            self._read(free[:count], [self.waiting.popleft() for _ in range(count)])
            free = free[count:]

    def step(self) -> None:
        """One new token for every live row."""
        started = time.perf_counter()
        live, device = self.live, self.model.device
        total = max(self.lengths[slot] for slot in live) + 1
        self.cache.reserve(total)
        lengths = torch.tensor(self.lengths, device=device)
        mask = (torch.arange(total, device=device) <= lengths[:, None])[:, None, None]
        ids = torch.tensor([[self._last(place)] for place in self.slots], device=device)
        frame = Frame(self.prefix, mask, self.cache.append(lengths, total))
        logits = run(self.model, ids, lengths[:, None] + self.prefix.length, frame).logits[:, -1]
        for slot in live:
            self._restrict(slot, logits)
            self._show(slot, logits)
        samplings = [self.rows[place].sampling if place is not None else Sampling() for place in self.slots]
        tokens = pick(
            logits, samplings, [len(self.written[place].tokens) if place is not None else 0 for place in self.slots]
        )
        seconds = (time.perf_counter() - started) / len(live)
        for slot in live:
            self._write(slot, tokens[slot], seconds)

    def _read(self, slots: list[int], places: list[int]) -> None:
        """Read new prompts up to their last token into the slots, but for what is known of them."""
        started = time.perf_counter()
        rows = [self.rows[place] for place in places]
        if any(row.known for row in rows):
            self._read_rest(slots, rows)
        else:
            self._read_whole(slots, [row.tokens[:-1] for row in rows])
        seconds = (time.perf_counter() - started) / len(places)
        for slot, place, row in zip(slots, places, rows, strict=True):
            self.slots[slot], self.lengths[slot] = place, len(row.tokens) - 1
            self.written[place].seconds += seconds

    def _read_whole(self, slots: list[int], prompts: list[tuple[int, ...]]) -> None:
        longest, device = max(map(len, prompts)), self.model.device
        self.cache.reserve(longest + 1)
        if longest:
            positions = torch.arange(longest, device=device)[None] + self.prefix.length
            keep = self.cache.fill(torch.tensor(slots, device=device), len(self.slots))
            run(self.model.base_model, _padded(prompts, device), positions, Frame(self.prefix, keep=keep))

    def _read_rest(self, slots: list[int], rows: list[DecodingRow]) -> None:
        """Each row's tokens go behind those that are known of it, and see both."""
        device, starts = self.model.device, [row.known_tokens for row in rows]
        rest = [row.tokens[start:-1] for row, start in zip(rows, starts, strict=True)]
        longest = max(map(len, rest))
        total = max(starts) + longest
        self.cache.reserve(total + 1)
        self.cache.put(slots, [row.known for row in rows], len(self.slots))
        if longest:
            places = torch.tensor(starts, device=device)[:, None] + torch.arange(longest, device=device)
            mask = (torch.arange(total, device=device) <= places[:, :, None])[:, None]
            keep = self.cache.extend(torch.tensor(slots, device=device), places, total)
            frame = Frame(self.prefix, mask, keep)
            run(self.model.base_model, _padded(rest, device), places + self.prefix.length, frame)

    def _restrict(self, slot: int, logits: torch.Tensor) -> None:
        """Leave a row that has a grammar the tokens that may come next; `logits`: (slots, vocabulary)."""
        place = self.slots[slot]
        matcher = self.matchers[place] if place is not None else None
        if matcher is not None:
            logits[slot].masked_fill_(~matcher.allowed().to(logits.device), float("-inf"))

    def _show(self, slot: int, logits: torch.Tensor) -> None:
        place = self.slots[slot]
        watch = self.rows[place].watch if place is not None else None
        if watch is not None:
            watch(logits[slot])

    def _write(self, slot: int, token: int, seconds: float) -> None:
        place = self.slots[slot]
        assert place is not None
        written = self.written[place]
        written.seconds += seconds
        self.lengths[slot] += 1
        written.take(token, self.rows[place], self.matchers[place], self.ends)
        if written.finish:
            keep = self.rows[place].keep
            if keep is not None:
                keep(written.tokens, self.cache.of(slot, self.lengths[slot]))
            self.slots[slot], self.lengths[slot] = None, 0

    def _last(self, place: int | None) -> int:
        if place is None:
            return 0
        return (self.written[place].tokens or self.rows[place].tokens)[-1]

    def _shrink(self) -> None:
        live = self.live
        if live:
            self.cache.select(torch.tensor(live, device=self.model.device))
        self.lengths = [self.lengths[slot] for slot in live]
        self.slots = [self.slots[slot] for slot in live]


@torch.inference_mode()
def generate(
    model: PreTrainedModel, prefix: Prefix, rows: Sequence[DecodingRow], width: int, ends: frozenset[int]
) -> list[Written]:
    """What the model writes after `prefix` and each row, at most `width` rows at a time; in the order of the rows.

    Which rows run side by side depends on the rows and on when each ends, on nothing else. Raises
    torch.OutOfMemoryError (or RuntimeError on a CPU) when `width` rows do not fit.
    """
    batch = DecodingBatch(model, prefix, rows, width, ends)
    while batch.waiting or batch.live:
        batch.admit()
        batch.step()
    return batch.written


def _prefill_rows(lengths: Sequence[int], before: int) -> int:
    """How many of the waiting rows, longest first, one pass reads: within its bounds, and with little padding.

    `before`: tokens that each of them sees besides those that it reads.
    """
    longest = max(1, lengths[0])
    most = min(PREFILL_TOKENS // longest, PREFILL_SCORES // (longest * (longest + before)), len(lengths))
    full = (count for count in range(1, most + 1) if sum(lengths[:count]) >= FULL * count * longest)
    small = min(most, PREFILL_SMALL // longest)
    return max(1, small, *full)


def _padded(rows: Sequence[Sequence[int]], device: torch.device) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], device=device)


def _rooms(like: KeyValue, slots: int, places: int) -> KeyValue:
    keys, values = like
    return _room(keys, slots, places), _room(values, slots, places)


def _room(like: torch.Tensor, slots: int, places: int) -> torch.Tensor:
    _, heads, _, size = like.shape
    return like.new_zeros(slots, heads, places, size)


def _grown(kept: torch.Tensor, places: int) -> torch.Tensor:
    slots, heads, old, size = kept.shape
    grown = kept.new_zeros(slots, heads, places, size)
    grown[:, :, :old] = kept
    return grown
