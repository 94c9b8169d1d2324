"""Name the ways to run a batch through a model, fastest first: what `check` chooses from and the engine asks.

A way gets whole prompts. It parts them into what it runs together, then generates or scores each part. `reach` is how many
tokens of prompt and reply it is right for: past an attention window, or where a rotary embedding changes its
frequencies, the next way takes over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from transformers import PreTrainedModel

from harness.evaluate.inference import attention, generate, loglikelihood
from harness.evaluate.inference.attention import Prefix, read_prefix
from harness.evaluate.inference.generate import DecodingRow, Written
from harness.evaluate.inference.kept import kept_rows
from harness.evaluate.inference.loglikelihood import Likelihoods, Tree
from harness.evaluate.inference.prefix import Tokens, groups

UNBOUNDED = 2**31


@dataclass(frozen=True)
class WayPart:
    """Rows (as places in the given list) that run together, and the prefix that they share."""

    rows: tuple[int, ...]
    prefix: Prefix


class Way(Protocol):
    """One way to run batches of one model."""

    name: str
    reach: int

    def begin(self) -> None:
        """Prepare the model for it, which another way may have used since."""

    def parts(self, rows: Sequence[Tokens], start: Prefix) -> Iterator[WayPart]:
        """The rows in parts. `start`: virtual tokens that come before each row."""

    def generate(self, prefix: Prefix, rows: Sequence[DecodingRow], width: int, ends: frozenset[int]) -> list[Written]:
        """What the model writes after `prefix` and each row, at most `width` rows at a time."""

    def loglikelihoods(self, prefix: Prefix, trees: Sequence[Tree], width: int) -> list[Likelihoods]:
        """What is known of each tree's continuations after `prefix` and context."""


class Shared:
    """Shared prefixes read once, rows in slots, continuations as trees: full attention only."""

    name = "shared"

    def __init__(self, model: PreTrainedModel, reach: int) -> None:
        self._model, self.reach = model, reach
        self.kept = kept_rows(model.device)
        """Earlier turns, which are not read again; whoever changes the model's weights clears it."""

    def begin(self) -> None:
        attention.install(self._model)

    def parts(self, rows: Sequence[Tokens], start: Prefix) -> Iterator[WayPart]:
        for group in groups(rows):
            tokens = tuple(rows[group.rows[0]][: group.shared])
            known = self.kept.prefix(tokens, start)
            yield WayPart(group.rows, read_prefix(self._model, list(tokens[known.tokens :]), known))

    def generate(self, prefix: Prefix, rows: Sequence[DecodingRow], width: int, ends: frozenset[int]) -> list[Written]:
        return generate.generate(self._model, prefix, rows, width, ends)

    def loglikelihoods(self, prefix: Prefix, trees: Sequence[Tree], width: int) -> list[Likelihoods]:
        return loglikelihood.loglikelihoods(self._model, prefix, trees, width)
