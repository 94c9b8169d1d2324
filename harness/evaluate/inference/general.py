"""Run batches through transformers' own `generate`, caches and attention: right for whatever transformers loads.

Rows are sorted by length. They are padded on the left to be written after, and on the right to be scored: in a causal
model nothing that comes after a token changes it. Where padding is not right, rows of one length run together; where the
model's own cache is not right either, every token reads the whole row again.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import GenerationConfig, LogitsProcessor, PreTrainedModel, StoppingCriteria

from harness.evaluate.inference.attention import Prefix
from harness.evaluate.inference.generate import DecodingRow, TokenMatcher, Written
from harness.evaluate.inference.head import accepts
from harness.evaluate.inference.loglikelihood import LOGIT_ROWS, ROW_TOKENS, Likelihoods, Tree
from harness.evaluate.inference.prefix import Tokens
from harness.evaluate.inference.sampling import pick
from harness.evaluate.inference.ways import UNBOUNDED, WayPart

Layout = Literal["padded", "unpadded", "uncached"]
LAYOUTS: tuple[Layout, ...] = ("padded", "unpadded", "uncached")
PADDING = 0
"""Stands where no token is; nothing sees it."""
PREFILL_TOKENS = 32768
"""Most tokens of prompts in one batch."""


class General:
    """A way for every causal model, in one of three layouts."""

    reach = UNBOUNDED

    def __init__(self, model: PreTrainedModel, layout: Layout, attention: str) -> None:
        """`attention`: name of the attention function that transformers chose for the model."""
        self.name: str = layout
        self._attention = attention
        self._model: Any = model

    def begin(self) -> None:
        if self._model.config._attn_implementation != self._attention:
            self._model.set_attn_implementation(self._attention)

    def parts(self, rows: Sequence[Tokens], start: Prefix) -> Iterator[WayPart]:
        if rows:
            yield WayPart(tuple(range(len(rows))), start)

    @torch.inference_mode()
    def generate(self, prefix: Prefix, rows: Sequence[DecodingRow], width: int, ends: frozenset[int]) -> list[Written]:
        written = [Written() for _ in rows]

        def fits(places: list[int]) -> bool:
            return len(places) <= width and len(places) * len(rows[places[0]].tokens) <= PREFILL_TOKENS

        for places in self._batches([len(row.tokens) for row in rows], fits):
            started = time.perf_counter()
            batch, own = [rows[place] for place in places], [written[place] for place in places]
            self._write(batch, own, ends)
            for each in own:
                each.seconds = (time.perf_counter() - started) / len(places)
        return written

    @torch.inference_mode()
    def loglikelihoods(self, prefix: Prefix, trees: Sequence[Tree], width: int) -> list[Likelihoods]:
        lines = _lines(trees)
        known: dict[tuple[int, int], tuple[float, bool]] = {}

        def fits(places: list[int]) -> bool:
            most = len(lines[places[0]].tokens)
            tokens, logits = most * len(places), self._kept([lines[place] for place in places]) * len(places)
            return len(places) <= width and tokens <= ROW_TOKENS and logits <= LOGIT_ROWS

        for places in self._batches([len(line.tokens) for line in lines], fits):
            for line, logits in self._read([lines[place] for place in places]):
                known |= {key: _likelihood(logits[-len(option) :], option) for key, option in line.options.items()}
        return [tuple(known[place, number] for number in range(len(tree.options))) for place, tree in enumerate(trees)]

    def _batches(self, lengths: Sequence[int], fits: Callable[[list[int]], bool]) -> Iterator[list[int]]:
        """Places of the rows of each batch, longest first; of one length where padding is not right."""
        batch: list[int] = []
        for place in sorted(range(len(lengths)), key=lambda place: (-lengths[place], place)):
            alike = not batch or self.name == "padded" or lengths[place] == lengths[batch[0]]
            if batch and not (alike and fits([*batch, place])):
                yield batch
                batch = []
            batch.append(place)
        if batch:
            yield batch

    def _write(self, rows: Sequence[DecodingRow], written: Sequence[Written], ends: frozenset[int]) -> None:
        longest, device = max(len(row.tokens) for row in rows), self._model.device
        gaps = [longest - len(row.tokens) for row in rows]
        ids = [[*[PADDING] * gap, *row.tokens] for gap, row in zip(gaps, rows, strict=True)]
        seen = [[*[0] * gap, *[1] * len(row.tokens)] for gap, row in zip(gaps, rows, strict=True)]
        most, cached = max(row.max_new for row in rows), self.name != "uncached"
        self._model.generate(
            torch.tensor(ids, device=device),
            attention_mask=torch.tensor(seen, device=device),
            generation_config=GenerationConfig(max_new_tokens=most, pad_token_id=PADDING, use_cache=cached),
            logits_processor=[TokenChoice(rows, written, ends)],
            stopping_criteria=[Finished(written)],
        )

    def _kept(self, lines: Sequence["ScoredLine"]) -> int:
        """Positions, counted from the end of the longest line, whose logits are needed."""
        longest = max(len(line.tokens) for line in lines)
        return longest - min(line.first for line in lines) if accepts(self._model, "logits_to_keep") else longest

    def _read(self, lines: Sequence["ScoredLine"]) -> Iterator[tuple["ScoredLine", torch.Tensor]]:
        """Each line with the logits, (positions, vocabulary), up to its last token."""
        longest, kept = max(len(line.tokens) for line in lines), self._kept(lines)
        ids = [[*line.tokens, *[PADDING] * (longest - len(line.tokens))] for line in lines]
        options = {"logits_to_keep": kept} if accepts(self._model, "logits_to_keep") else {}
        logits = self._model(input_ids=torch.tensor(ids, device=self._model.device), use_cache=False, **options).logits
        for line, own in zip(lines, logits, strict=True):
            yield line, own[: len(own) - (longest - len(line.tokens))]


@dataclass(frozen=True)
class ScoredLine:
    """A context with a continuation but for its last token, and all continuations that this much is enough to score."""

    tokens: tuple[int, ...]
    options: dict[tuple[int, int], tuple[int, ...]]
    """By (tree, number in the tree)."""

    @property
    def first(self) -> int:
        """First position that predicts what is asked for."""
        return len(self.tokens) - max(map(len, self.options.values()))


def _lines(trees: Sequence[Tree]) -> list[ScoredLine]:
    """What has to be read for these trees: one-token continuations of a context are all scored by the context alone."""
    lines: dict[tuple[int, ...], ScoredLine] = {}
    for place, tree in enumerate(trees):
        for number, option in enumerate(tree.options):
            tokens = (*tree.context, *option[:-1])
            lines.setdefault(tokens, ScoredLine(tokens, {})).options[place, number] = option
    return list(lines.values())


def _likelihood(logits: torch.Tensor, option: Sequence[int]) -> tuple[float, bool]:
    """`logits`: (tokens of the option, vocabulary)."""
    logits, wanted = logits.float(), torch.tensor(option, device=logits.device)
    chosen = logits.gather(1, wanted[:, None])[:, 0] - logits.logsumexp(dim=-1)
    return float(chosen.double().sum()), bool((logits.argmax(dim=-1) == wanted).all())


class TokenChoice(LogitsProcessor):
    """Chooses each row's next token by the row's own grammar and sampling, and leaves `generate` no other."""

    def __init__(self, rows: Sequence[DecodingRow], written: Sequence[Written], ends: frozenset[int]) -> None:
        self._rows, self._written, self._ends = rows, written, ends
        self._matchers: list[TokenMatcher | None] = [row.matcher() for row in rows]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        for place, (row, matcher) in enumerate(zip(self._rows, self._matchers, strict=True)):
            if row.watch is not None and not self._written[place].finish:
                row.watch(scores[place])
            if matcher is not None and not self._written[place].finish:
                scores[place].masked_fill_(~matcher.allowed().to(scores.device), float("-inf"))
        steps = [len(written.tokens) for written in self._written]
        tokens = pick(scores, [row.sampling for row in self._rows], steps)
        for place, (row, written) in enumerate(zip(self._rows, self._written, strict=True)):
            if written.finish:
                tokens[place] = PADDING
            else:
                written.take(tokens[place], row, self._matchers[place], self._ends)
        chosen = torch.full_like(scores, float("-inf"))
        return chosen.scatter_(1, torch.tensor(tokens, device=scores.device)[:, None], 0.0)


class Finished(StoppingCriteria):
    """Ends the batch when every row has ended."""

    def __init__(self, written: Sequence[Written]) -> None:
        self._written = written

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        return torch.tensor([bool(each.finish) for each in self._written], device=input_ids.device)
