"""Render preference pairs as token ids: one prompt, the answer to prefer and the answer to avoid."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any, NamedTuple

from msgspec.structs import replace
from transformers import PreTrainedTokenizerBase

from harness.core.rendering import stop_ids
from harness.core.replies import unwritten
from harness.core.set_aside import group_of
from harness.curate.preference_pairs import BIASED, Pairs, pairs
from harness.curate.selection import CONTEXT_BUDGET
from harness.errors import InputError, UsageError
from harness.types import Case, Estimate, Json, Preview, PreviewRow, TokenKind, TuneRequest
from trainers.model import parameters
from trainers.model.memory import peak_bytes
from trainers.rows import dataset, tokens
from trainers.rows.certificate import UnreadableError
from trainers.rows.tokens import Renderer, TokenRow
from trainers.training import choices
from trainers.training.preview import shown, spread

LEAST = 10
"""Fewer pairs teach nothing but themselves."""
LARGE = 0.8
"""Cohen's d of the lengths from which pairs are refused: a large effect (J. Cohen, 1988)."""
REFUSE, ACCEPT = "refuse", "accept"


class PairRow(NamedTuple):
    id: str
    group: str
    chosen: TokenRow
    rejected: TokenRow

    @property
    def prompt(self) -> list[int]:
        return self.chosen.ids[: self.chosen.first]

    @property
    def chosen_ids(self) -> list[int]:
        return self.chosen.ids[self.chosen.first :]

    @property
    def rejected_ids(self) -> list[int]:
        return self.rejected.ids[self.rejected.first :]


class PairRows(NamedTuple):
    rows: list[PairRow]
    fates: dict[str, int]
    """Fate to number of training cases; every case has one."""
    checks: dict[str, Json]
    """What the lints found."""

    @property
    def tokens(self) -> dict[str, int]:
        total = sum(len(row.chosen.ids) + len(row.rejected.ids) for row in self.rows)
        supervised = sum(len(row.chosen_ids) + len(row.rejected_ids) for row in self.rows)
        return {"total": total, "supervised": supervised, "context": total - supervised}


def build(request: TuneRequest, base: parameters.Base, length_bias: str) -> PairRows:
    """The pairs among the request's training cases, tokenized by serving's own renderer.

    `length_bias` is `refuse` or `accept`: what to do when one side is much longer. Raises InvalidError on a held-out
    case, InputError when too few pairs are left, most say the same twice, or their lengths alone tell them apart.
    """
    if length_bias not in (REFUSE, ACCEPT):
        raise UsageError(f"length_bias is {length_bias!r}", next=f"known: {REFUSE}, {ACCEPT}")
    cases = dataset.answers(replace(request, recipe=replace(request.recipe, replay_share=0.0)))
    tokens.refuse_held_out(cases, request.held_out_ids)
    paired = pairs(cases)
    paid = dataset.within_budget(paired.cases, request.dataset)
    _lint(paired, len(cases), length_bias)
    limit = min(request.recipe.max_tokens or base.max_tokens, base.max_tokens)
    stop = stop_ids(base.tokenizer, request.base)
    renderer = Renderer(base.tokenizer, stop, request.prompt, limit, request.template_options)
    fates: Counter[str] = Counter(paired.left_out)
    if spared := len(paired.cases) - len(paid):
        fates[CONTEXT_BUDGET] = spared
    rows = [row for case in paid if (row := _row(case, renderer, fates)) is not None]
    if len(rows) < LEAST:
        raise InputError(
            f"{len(rows)} pairs are left, fewer than {LEAST}: {dict(fates)}",
            where=request.dataset,
            next='ingest more corrections of recorded answers, or set [tune] method = "sft"',
        )
    checks = {"pairs": len(rows), "length_bias": paired.length_bias, "warnings": list(paired.warnings)}
    return PairRows(rows, dict(fates), {"preference": checks})


def preview(pairs: PairRows, tokenizer: PreTrainedTokenizerBase, count: int, notes: Sequence[str] = ()) -> Preview:
    """`count` of the pairs token by token: the prompt, the answer to prefer, the answer to avoid."""
    rows = tuple(_shown(row, tokenizer) for row in spread(pairs.rows, count))
    checks: Any = pairs.checks["preference"]
    return Preview(rows=rows, fates=pairs.fates, tokens=pairs.tokens, notes=(*checks["warnings"], *notes))


def longest(rows: Sequence[PairRow], size: int) -> list[PairRow]:
    """The `size` pairs of most tokens: the step that needs the most memory."""
    return sorted(rows, key=tokens_of)[-size:]


def tokens_of(row: PairRow) -> int:
    return len(row.chosen.ids) + len(row.rejected.ids)


def widest(rows: Sequence[PairRow]) -> int:
    """Tokens of the widest pair, with the padding of its shorter side."""
    return 2 * max(max(len(row.chosen.ids), len(row.rejected.ids)) for row in rows)


def foreseen(
    pairs: PairRows, rows: Sequence[PairRow], filled: choices.Filled, weights: parameters.Weights, seconds: float
) -> Estimate:
    """The cost of training on `rows`. `seconds`: what a step of the longest takes; the others take less, by their tokens."""
    assert filled.recipe.batch_size is not None
    tried = longest(rows, filled.recipe.batch_size)
    share = fmean(map(tokens_of, rows)) / fmean(map(tokens_of, tried))
    return Estimate(
        steps=filled.steps,
        rows=pairs.fates,
        tokens=pairs.tokens,
        seconds=seconds * share * filled.steps,
        peak_bytes=peak_bytes(),
        weights=weights.all,
        trained_weights=weights.trained,
        choices=filled.reasons,
    )


def _shown(row: PairRow, tokenizer: PreTrainedTokenizerBase) -> PreviewRow:
    kept, avoided = shown(row.chosen, tokenizer), shown(row.rejected, tokenizer)
    counts = f"{len(row.prompt)} tokens of prompt, {len(row.chosen_ids)} preferred, {len(row.rejected_ids)} rejected"
    rejected: tuple[tuple[str, TokenKind], ...] = tuple(
        (text, "rejected") for text, _ in avoided.tokens[row.rejected.first :]
    )
    return PreviewRow(id=row.id, tokens=(*kept.tokens, *rejected), counts=counts)


def _row(case: Case, renderer: Renderer, fates: Counter[str]) -> PairRow | None:
    """Both rows of a pair, and its fate counted. A pair that does not fit is dropped whole: nothing is cut."""
    avoided = unwritten(case.rejected or "")
    try:
        row = PairRow(
            case.id,
            group_of(case),
            tokens.render(case, renderer),
            tokens.render(replace(case, target=avoided), renderer),
        )
    except InputError as error:
        fates[tokens.UNREADABLE if isinstance(error, UnreadableError) else tokens.UNRENDERABLE] += 1
        return None
    if max(len(row.chosen.ids), len(row.rejected.ids)) > renderer.max_tokens:
        fates[tokens.TOO_LONG] += 1
        return None
    fates[tokens.TRAINED] += 1
    return row


def _lint(paired: Pairs, cases: int, length_bias: str) -> None:
    same = paired.left_out.get("identical", 0)
    if same > max(1, len(paired.cases)):
        raise InputError(
            f"{same} of {cases} pairs say the same twice: their recorded answers were not wrong",
            next="mine again, or leave thumbs-up out of the corrections",
        )
    if abs(paired.length_bias) >= LARGE and length_bias == REFUSE:
        raise InputError(
            f"{paired.warnings[0]} (refused from {LARGE}, said from {BIASED})",
            next='even the lengths out, or set options = { length_bias = "accept" } to train anyway',
        )
