"""Choose the checkpoint that does its task best on rows that did not train, and forgets nothing.

A part of the training rows is set aside, whole groups of near-duplicates at a time, never a held-out case. A few times in
a training the model answers them; the task score is the share it gets right. Beside them stand some replay rows: where
their loss has grown by more than `GUARD` over the base model's, the model has begun to forget, and that checkpoint is
not taken. Loss alone never decides: it goes on falling, or rises, while the task score does something else. But among
scores within one standard error of the highest, which a few dozen rows cannot tell apart, the lower loss does (the rule
of one standard error: L. Breiman et al., "Classification and Regression Trees", 1984).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from msgspec.structs import replace
from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from harness.core.plugins import load
from harness.core.reading import INCOMPLETE
from harness.core.replies import expected_of, said
from harness.evaluate.inference.ways import Way
from harness.types import CurvePoint, Recipe, Reply
from trainers.model.greedy import answers as greedy_answers
from trainers.model.greedy import answers_by, way_of_transformers
from trainers.model.language_model import LanguageModel, base_of
from trainers.model.memory import fitting
from trainers.rows.tokens import TokenRow
from trainers.rows.written import answer_in, reply_of
from trainers.training.loss import Layout, collate, nll_sum, pieces, split

POINTS = 6
"""How often a training is measured, besides before its first step."""
GUARD = 0.05
"""Share by which the loss on replay rows may grow over the base model's."""
SPARE_TOKENS = 16
"""How much longer than the longest right answer a model may write."""


class Choice(NamedTuple):
    step: int
    reason: str


class Exam:
    """The rows that a training is measured on."""

    def __init__(
        self,
        rows: Sequence[TokenRow],
        guard: Sequence[TokenRow],
        tokenizer: PreTrainedTokenizerBase,
        stop: frozenset[int],
        recipe: Recipe,
        layout: Layout = "shared",
    ) -> None:
        """`layout`: how rows are read in training, and so here."""
        self.rows, self.guard, self.tokenizer, self.stop, self._layout = rows, guard, tokenizer, stop, layout
        self._way: Way | None = None
        self.scorer, self.patience = recipe.options.get("scorer"), recipe.patience

    def __bool__(self) -> bool:
        return bool(self.rows)

    def measure(self, model: LanguageModel, point: CurvePoint) -> CurvePoint:
        """The point with the model's task score and losses. The model is left in training mode."""
        model.eval()
        with fitting(f"answering the {len(self.rows)} rows that are set aside"):
            measured = replace(
                point,
                validation_loss=_loss(model, self.rows, self._layout),
                guard_loss=_loss(model, self.guard, self._layout) if self.guard else None,
                score=self._score(model),
                answered=len(self.rows),
            )
        model.train()
        return measured

    def before(self, model: LanguageModel) -> CurvePoint:
        """The base model's measures, as step 0."""
        nothing = CurvePoint(step=0, epoch=0.0, loss=0.0)
        if isinstance(model, PeftModel):
            with model.disable_adapter():
                point = self.measure(base_of(model), nothing)
        else:
            point = self.measure(model, nothing)
        model.train()
        return replace(point, loss=point.validation_loss)

    def _score(self, model: LanguageModel) -> float:
        """Share of the last answers that say the same as the target, or the mean of `options.scorer`."""
        cuts = [_last_answer(row) for row in self.rows]
        most = max(len(row.ids) - cut for row, cut in zip(self.rows, cuts, strict=True)) + SPARE_TOKENS
        prompts = [row.ids[:cut] for row, cut in zip(self.rows, cuts, strict=True)]
        if self._layout == "shared":
            written = greedy_answers(model, prompts, most, self.stop)
        else:
            self._way = self._way or way_of_transformers(model, self.tokenizer, max(map(len, prompts)) + most)
            written = answers_by(self._way, prompts, most, self.stop)
        wanted = [row.ids[cut:] for row, cut in zip(self.rows, cuts, strict=True)]
        replies, answers = (
            [reply_of(self.tokenizer, *pair, self.stop) for pair in zip(prompts, tokens, strict=True)]
            for tokens in (written, wanted)
        )
        return sum(map(self._right, replies, answers)) / len(self.rows)

    def _right(self, written: Reply, wanted: Reply) -> float:
        """Reasoning does not count; a reply that ended inside it says nothing."""
        answer = answer_in(wanted)
        if not self.scorer:
            return float(written.finish_reason != INCOMPLETE and said(answer_in(written)) == said(answer))
        score = getattr(load("scorers", self.scorer), self.scorer)(written, expected_of(answer))
        return float((score[0] if isinstance(score, tuple) else score).value)


def due(step: int, steps: int) -> bool:
    """Is the model measured after this step, of 1..steps?"""
    return step % -(-steps // POINTS) == 0 or step == steps


def choose(curve: Sequence[CurvePoint]) -> Choice | None:
    """The measured step that is kept, and why; None when nothing was measured.

    A longer curve keeps the step of a shorter one or takes its own last, so no other checkpoint has to be held.
    """
    measured = _measured(curve)
    if not measured:
        return None
    held = [point for point in measured if _holds(point, curve)]
    if not held:
        first = measured[0].step
        return Choice(first, f"step {first}, the first: every checkpoint forgets more than {GUARD:.0%} of replay")
    kept = highest = held[0]
    for point in held[1:]:
        highest = max(highest, point, key=_score)
        least = _score(highest) - _error(highest)
        if _score(point) >= least and (_score(kept) < least or _gains(point, kept)):
            kept = point
    words = f"step {kept.step}: task score {kept.score:.3f} on rows that did not train, of {len(measured)} checkpoints"
    return Choice(kept.step, "; ".join([f"the best {words}", *_notes(kept, highest, curve, len(measured) - len(held))]))


def spent(curve: Sequence[CurvePoint], patience: int) -> bool:
    """True when none of the last `patience` measured checkpoints is the one to keep; 0: never."""
    measured, choice = _measured(curve), choose(curve)
    if not patience or len(measured) <= patience or choice is None:
        return False
    return choice.step not in [point.step for point in measured[-patience:]]


def _measured(curve: Sequence[CurvePoint]) -> list[CurvePoint]:
    return [point for point in curve if point.score is not None and point.step]


def _score(point: CurvePoint) -> float:
    return point.score or 0.0


def _error(point: CurvePoint) -> float:
    """Standard error of the score, as of a share of answers; a mean of other scores between 0 and 1 has no larger one."""
    return math.sqrt(_score(point) * (1 - _score(point)) / point.answered) if point.answered else 0.0


def _gains(point: CurvePoint, kept: CurvePoint) -> bool:
    """Is it better than the one that is kept, where the scores are too near to tell?"""
    if point.validation_loss is None or kept.validation_loss is None:
        return _score(point) > _score(kept)
    return point.validation_loss < kept.validation_loss


def _notes(kept: CurvePoint, highest: CurvePoint, curve: Sequence[CurvePoint], forgetting: int) -> list[str]:
    """What a reader has to know beside the kept checkpoint's score."""
    notes = [f"{forgetting} of them forget too much"] if forgetting else []
    if _score(highest) > _score(kept):
        notes.append(f"within a standard error of the highest, {highest.score:.3f}, at less loss")
    start = next((point.score for point in curve if point.step == 0), None)
    if start is not None and start > _score(kept):
        notes.append(f"worse than what it started from, {start:.3f}")
    return notes


def _holds(point: CurvePoint, curve: Sequence[CurvePoint]) -> bool:
    base = next((each.guard_loss for each in curve if each.step == 0), None)
    return base is None or point.guard_loss is None or point.guard_loss <= base * (1 + GUARD)


def _last_answer(row: TokenRow) -> int:
    """Place of the first token of the last supervised stretch, which ends the row."""
    return len(row.ids) - list(reversed(row.supervised)).index(False)


@torch.no_grad()
def _loss(model: LanguageModel, rows: Sequence[TokenRow], layout: Layout) -> float:
    """Nats a supervised token over all rows. Sharing is among the rows of a piece only: there is no gradient to keep."""
    vocabulary = model.config.get_text_config().vocab_size
    parts = split(rows, vocabulary) if layout == "shared" else pieces(rows, vocabulary, layout)
    total = sum(nll_sum(model, collate(piece, model.device, layout == "shared")).item() for piece in parts)
    return total / sum(sum(row.supervised) for row in rows)
