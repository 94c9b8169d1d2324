"""Tokenize cases into rows with their supervised positions, and record the fate of every case.

Every row is rendered by `harness.core.rendering`, the renderer that serving uses, and is checked as it is built: its prompt
ids are the serving ids, each supervised answer ends in a token that stops generation, is read back by serving as the
target that it teaches, and something but not everything is supervised. Nothing is truncated on the right, so an answer
and its end are never cut; on the left whole steps go (`trainers.rows.steps`), never a part of one.

Reasoning in a target is dropped unless the recipe asks for it: a trace's reasoning is mostly another model's, or a
provider's summary of it, and whoever learns it pays for it in every answer.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import or_
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace
from transformers import PreTrainedTokenizerBase

from harness.core.chat_forms import is_media
from harness.core.conversations import unfolded
from harness.core.reading import format_of, marks_of, split_inline, template_of
from harness.core.rendering import prompt_ids, target_ids
from harness.errors import InputError, InvalidError
from harness.types import Case, Json, Message, Prompt, ReasoningPart, Recipe
from trainers.rows.certificate import UnreadableError, certify
from trainers.rows.steps import WrongSteps, learnt, shorter

TRAINED, TRIMMED, NO_TARGET, TOO_LONG, UNRENDERABLE = "trained", "trimmed", "no_target", "too_long", "unrenderable"
UNREADABLE, MEDIA = "unreadable", "media"
CUT, AFTER_WRONG = "cut", "after_wrong_step"
"""A run of which some answers are learnt and others are not; one that learns none, since its first answer was wrong."""
LEARNT = (TRAINED, TRIMMED, CUT)
"""Fates of cases that are in the rows."""
Reasoning = Literal["drop", "mask", "learn"]
NO_PROMPT = Prompt(name="none")


class TokenRow(NamedTuple):
    """One conversation to learn from. `supervised[i]` says whether token `ids[i]` is to be predicted."""

    id: str
    ids: list[int]
    supervised: list[bool]
    earlier: tuple[str, ...] = ()
    """Ids of the cases whose answers are learnt in this row too."""

    @property
    def first(self) -> int:
        """Place of the first supervised token."""
        return self.supervised.index(True)


class TokenRows(NamedTuple):
    rows: list[TokenRow]
    fates: dict[str, int]
    """Fate to number of cases, each an answer; every case that was offered has one fate."""
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
    """Rows of all cases that can be learnt from. Answers that a case shares its row with have a fate each.

    Raises InputError when a row is too long under `too_long = "raise"`, when more than one case and more than 1 % of
    them cannot be rendered, or when nothing is left to supervise.
    """
    rows: list[TokenRow] = []
    fates: Counter[str] = Counter()
    reasons: dict[str, str] = {}
    cases = list(cases)
    wrong = WrongSteps(cases)
    for shared in cases:
        made: list[TokenRow] = []
        for case in unfolded(shared):
            fate, found, reason = _made(case, renderer, recipe, wrong)
            fates[fate] += 1
            reasons |= {case.id: reason} if reason else {}
            made += found
        rows += joined(made) if shared.turns else made
    _refuse_a_broken_set(rows, fates, reasons)
    return TokenRows(rows, dict(fates), reasons)


def joined(rows: Sequence[TokenRow]) -> list[TokenRow]:
    """The rows of one conversation, shortest first, each in the row after it where that begins with the same tokens.

    So every answer keeps the tokens that serving sends before it and that it was certified with. Where the template writes
    an answer otherwise once it is history, its row stays a row of its own.
    """
    kept: list[TokenRow] = []
    for row in reversed(rows):
        if kept and kept[-1].ids[: len(row.ids)] == row.ids:
            host = kept.pop()
            supervised = [*map(or_, row.supervised, host.supervised), *host.supervised[len(row.ids) :]]
            names = dict.fromkeys((*row.earlier, row.id, *host.earlier))
            row = host._replace(supervised=supervised, earlier=tuple(name for name in names if name != host.id))
        kept.append(row)
    return kept[::-1]


def render(case: Case, renderer: Renderer) -> TokenRow:
    """The row of one case: its prompt and conversation as context, its target as supervised tokens.

    Raises InputError when the template cannot write the case, UnreadableError when serving would not read the answer
    back as the target.
    """
    if case.target is None:
        raise InputError("the case has no answer to learn", where=case.id)
    return _row(case, case.target, renderer)


def apart(row: TokenRow) -> list[TokenRow]:
    """The rows that were joined to `row`, one for each answer: how a model is asked for each of them."""
    ends = [at + 1 for at, learnt in enumerate(row.supervised) if learnt and not any(row.supervised[at + 1 : at + 2])]
    begins = [0, *ends[:-1]]
    masks = [[False] * begin + row.supervised[begin:end] for begin, end in zip(begins, ends, strict=True)]
    names = (*row.earlier, row.id) if len(ends) == 1 + len(row.earlier) else (row.id,) * len(ends)
    return [TokenRow(name, row.ids[: len(mask)], mask) for name, mask in zip(names, masks, strict=True)]


def _made(case: Case, renderer: Renderer, recipe: Recipe, wrong: WrongSteps) -> tuple[str, list[TokenRow], str]:
    """The fate of one case, its rows, and why there are none.

    Several answers are learnt in one row where the template only appends. Where it writes an earlier answer otherwise than
    the model wrote it (without its reasoning, say), each is a row of its own, after the prompt that serving sends.
    """
    if barred := _barred(case):
        return barred, [], ""
    supervise: Any = recipe.options.get("supervise", "last")
    answers = learnt(case, supervise, wrong)
    try:
        made = [render(answer, renderer) for answer in answers]
    except InputError as error:
        return UNREADABLE if isinstance(error, UnreadableError) else UNRENDERABLE, [], error.what
    fitted = [_fit(answer, row, renderer, recipe.too_long) for answer, row in zip(answers, made, strict=True)]
    fate = _fate([fate for _, fate in fitted], whole=answers[-1:] == [case])
    return fate, joined([row for row, _ in fitted if row is not None]), ""


def _fate(fates: Sequence[str], whole: bool) -> str:
    """The fate of a case by those of its answers; `whole` unless answers from its first wrong step on were left out."""
    if not fates:
        return AFTER_WRONG
    if TOO_LONG in fates:
        return TOO_LONG if set(fates) == {TOO_LONG} else CUT
    return CUT if not whole else TRIMMED if TRIMMED in fates else TRAINED


def refuse_held_out(cases: Iterable[Case], held_out: Iterable[str]) -> None:
    """Raises InvalidError when a case that was held out would be trained on: the last of three places that look."""
    barred = frozenset(held_out)
    for case in (case for row in cases for case in unfolded(row)):
        for ident in (case.id, case.call_id):
            if ident and ident in barred:
                raise InvalidError(
                    "a held-out case is among the training rows", where=ident, next="curate the dataset again"
                )


def _prompt_of(case: Case, renderer: Renderer) -> Prompt:
    """Rows from a file of general instructions are never asked under the application's prompt, so they learn without."""
    return NO_PROMPT if case.split == "replay" and not case.call_id else renderer.prompt


def _barred(case: Case) -> str:
    """The fate of a case that no model of text can learn; empty when there is something to render."""
    if case.target is None:
        return NO_TARGET
    return MEDIA if any(is_media(part) for message in case.messages for part in message.parts) else ""


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


def _fit(case: Case, row: TokenRow, renderer: Renderer, too_long: str) -> tuple[TokenRow | None, str]:
    """The row of a case as the recipe fits it to the model, and its fate: shortened by whole steps, the oldest first."""
    limit = renderer.max_tokens
    if len(row.ids) <= limit:
        return row, TRAINED
    if too_long == "raise":
        raise InputError(
            f"the row has {len(row.ids)} tokens, more than {limit}",
            where=row.id,
            next='raise [tune] max_tokens, or set too_long to "drop" or "trim_prompt"',
        )
    if too_long == "trim_prompt":
        tried = [replace(case, messages=messages) for messages in shorter(case.messages)]
        try:
            place = bisect_left(tried, True, key=lambda less: len(render(less, renderer).ids) <= limit)
            return (render(tried[place], renderer), TRIMMED) if place < len(tried) else (None, TOO_LONG)
        except InputError:  # the template does not take a conversation that begins there
            return None, TOO_LONG
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
