"""Tokenize cases into rows with their supervised positions, and record the fate of every case.

Every row is rendered by `harness.core.rendering`, the renderer that serving uses, and is checked as it is built: its prompt
ids are the serving ids, each supervised answer ends in a token that stops generation, is read back by serving as the
target that it teaches, and something but not everything is supervised. Nothing is truncated on the right, so an answer
and its end are never cut.

Reasoning in a target is dropped unless the recipe asks for it: a trace's reasoning is mostly another model's, or a
provider's summary of it, and whoever learns it pays for it in every answer.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from msgspec.structs import replace
from transformers import PreTrainedTokenizerBase

from harness.core.chat_forms import is_media
from harness.core.reading import format_of, marks_of, split_inline, template_of
from harness.core.rendering import prompt_ids, target_ids
from harness.errors import InputError, InvalidError
from harness.types import Case, Json, Message, Prompt, ReasoningPart, Recipe
from trainers.rows.certificate import UnreadableError, certify

TRAINED, TRIMMED, NO_TARGET, TOO_LONG, UNRENDERABLE = "trained", "trimmed", "no_target", "too_long", "unrenderable"
UNREADABLE, MEDIA = "unreadable", "media"
Reasoning = Literal["drop", "mask", "learn"]
NO_PROMPT = Prompt(name="none")


class TokenRow(NamedTuple):
    """One conversation to learn from. `supervised[i]` says whether token `ids[i]` is to be predicted."""

    id: str
    ids: list[int]
    supervised: list[bool]

    @property
    def first(self) -> int:
        """Place of the first supervised token."""
        return self.supervised.index(True)


class TokenRows(NamedTuple):
    rows: list[TokenRow]
    fates: dict[str, int]
    """Fate to number of cases; every case that was offered has one fate."""
    reasons: dict[str, str]
    """Id of each case that could not be rendered, or not be read back, and why."""

    @property
    def tokens(self) -> dict[str, int]:
        total = sum(len(row.ids) for row in self.rows)
        supervised = sum(sum(row.supervised) for row in self.rows)
        return {"total": total, "supervised": supervised, "context": total - supervised}


class Renderer(NamedTuple):
    """What turns cases into rows: the model's tokenizer, the ids that end its turn, and the longest row it takes."""

    tokenizer: PreTrainedTokenizerBase
    stop: frozenset[int]
    prompt: Prompt
    max_tokens: int
    template_options: Mapping[str, Json] = {}
    reasoning: Reasoning = "drop"
    """What becomes of the reasoning in a target: left out, written but not learnt, or learnt."""


def build(cases: Iterable[Case], renderer: Renderer, recipe: Recipe) -> TokenRows:
    """Rows of all cases that can be learnt from.

    Raises InputError when a row is too long under `too_long = "raise"`, when more than one case and more than 1 % of
    them cannot be rendered, or when nothing is left to supervise.
    """
    rows: list[TokenRow] = []
    fates: Counter[str] = Counter()
    reasons: dict[str, str] = {}
    every_turn = recipe.options.get("supervise") == "all"
    for case in cases:
        if barred := _barred(case):
            fates[barred] += 1
            continue
        try:
            made = _rows_of(case, renderer, every_turn)
        except InputError as error:
            fates[UNREADABLE if isinstance(error, UnreadableError) else UNRENDERABLE] += 1
            reasons[case.id] = error.what
            continue
        fitted = [_fit(row, renderer.max_tokens, recipe.too_long) for row in made]
        fates[fitted[-1][1]] += 1
        rows += [row for row, _ in fitted if row is not None]
    _refuse_a_broken_set(rows, fates, reasons)
    return TokenRows(rows, dict(fates), reasons)


def render(case: Case, renderer: Renderer) -> TokenRow:
    """The row of one case: its prompt and conversation as context, its target as supervised tokens.

    Raises InputError when the template cannot write the case, UnreadableError when serving would not read the answer
    back as the target.
    """
    if case.target is None:
        raise InputError("the case has no answer to learn", where=case.id)
    return _row(case, case.target, renderer)


def refuse_held_out(cases: Iterable[Case], held_out: Iterable[str]) -> None:
    """Raises InvalidError when a case that was held out would be trained on: the last of three places that look."""
    barred = frozenset(held_out)
    for case in cases:
        for ident in (case.id, case.call_id):
            if ident and ident in barred:
                raise InvalidError(
                    "a held-out case stands among the training rows", where=ident, next="curate the dataset again"
                )


def _prompt_of(case: Case, renderer: Renderer) -> Prompt:
    """Rows from a file of general instructions are never asked under the application's prompt, so they learn without."""
    return NO_PROMPT if case.split == "replay" and not case.call_id else renderer.prompt


def _barred(case: Case) -> str:
    """The fate of a case that no model of text can learn; empty when there is something to render."""
    if case.target is None:
        return NO_TARGET
    return MEDIA if any(is_media(part) for message in case.messages for part in message.parts) else ""


def _rows_of(case: Case, renderer: Renderer, every_turn: bool) -> list[TokenRow]:
    """The case's row; with `every_turn` the assistant's earlier turns are learnt too, worked examples never.

    All turns are learnt in one row where the template only appends. Where it writes an earlier turn otherwise than the
    model wrote it (without its reasoning, say), each turn is a row of its own, after the prompt that serving sends.
    """
    last = render(case, renderer)
    if not every_turn:
        return [last]
    turns = list(_earlier_turns(case, renderer))
    supervised = list(last.supervised)
    for turn in turns:
        if last.ids[: len(turn.ids)] != turn.ids:
            return [*turns, last]
        supervised[turn.first : len(turn.ids)] = turn.supervised[turn.first :]
    return [last._replace(supervised=supervised)]


def _earlier_turns(case: Case, renderer: Renderer) -> Iterator[TokenRow]:
    for place, message in enumerate(case.messages):
        if message.role == "assistant":
            yield _row(replace(case, messages=case.messages[:place]), message, renderer)


def _row(case: Case, target: Message, renderer: Renderer) -> TokenRow:
    tokenizer, stop, options = renderer.tokenizer, renderer.stop, renderer.template_options
    prompt, target = _prompt_of(case, renderer), _taught(target, renderer.reasoning)
    context = prompt_ids(tokenizer, prompt, case.messages, case.tools, options)
    answer = target_ids(tokenizer, prompt, case.messages, target, stop, case.tools, options)
    if len(answer) < 2:
        raise InputError("the answer is empty", where=case.id)
    certify(tokenizer, context, answer, stop, target, case.tools)
    masked = _thought_tokens(case, answer, renderer) if renderer.reasoning == "mask" else 0
    return TokenRow(case.id, context + answer, [False] * (len(context) + masked) + [True] * (len(answer) - masked))


def _taught(target: Message, reasoning: Reasoning) -> Message:
    """The target with its reasoning as a part of its own, or without it."""
    target = split_inline(target)
    if reasoning != "drop":
        return target
    return replace(target, parts=tuple(part for part in target.parts if not isinstance(part, ReasoningPart)))


def _thought_tokens(case: Case, answer: list[int], renderer: Renderer) -> int:
    """How many tokens of the answer its reasoning takes, with the mark that closes it."""
    closing = marks_of(format_of(template_of(renderer.tokenizer, case.tools)))[1]
    counts = (count for count in range(len(answer)) if closing in renderer.tokenizer.decode(answer[:count]))
    return next(counts, 0)


def _fit(row: TokenRow, limit: int, too_long: str) -> tuple[TokenRow | None, str]:
    """The row cut to `limit` tokens as the recipe says, and its fate. What is cut is the oldest context, never answer."""
    if len(row.ids) <= limit:
        return row, TRAINED
    if too_long == "raise":
        raise InputError(
            f"the row has {len(row.ids)} tokens, more than {limit}",
            where=row.id,
            next='raise [tune] max_tokens, or set too_long to "drop" or "trim_prompt"',
        )
    cut = len(row.ids) - limit
    if too_long == "trim_prompt" and cut < row.first:
        return TokenRow(row.id, row.ids[cut:], row.supervised[cut:]), TRIMMED
    return None, TOO_LONG


def _refuse_a_broken_set(rows: list[TokenRow], fates: Counter[str], reasons: dict[str, str]) -> None:
    if fates[UNRENDERABLE] > max(1, 0.01 * fates.total()):
        first = next(iter(reasons))
        raise InputError(
            f"{fates[UNRENDERABLE]} of {fates.total()} cases cannot be rendered: {reasons[first]}", where=first
        )
    if not rows:
        left_out = ", ".join(f"{count} {fate}" for fate, count in sorted(fates.items())) or "the dataset is empty"
        why = next((f" ({reason})" for reason in reasons.values()), "")
        raise InputError(f"there is nothing to train on: {left_out}{why}", next="ingest more feedback, or curate again")
