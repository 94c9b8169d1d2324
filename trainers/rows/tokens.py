"""Tokenize cases into rows with their supervised positions, and record the fate of every case.

Every row is rendered by `harness.core.rendering`, the renderer that serving uses, and is checked as it is built: its prompt
ids are the serving ids, each supervised answer ends in a token that stops generation, and something but not everything
is supervised. Nothing is truncated on the right, so an answer and its end are never cut.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from harness.core.rendering import prompt_ids, target_ids
from harness.errors import InputError, InvalidError
from harness.types import Case, Prompt, Recipe

TRAINED, TRIMMED, NO_TARGET, TOO_LONG, UNRENDERABLE = "trained", "trimmed", "no_target", "too_long", "unrenderable"
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
    """Id of each case that could not be rendered, and why."""

    @property
    def tokens(self) -> dict[str, int]:
        total = sum(len(row.ids) for row in self.rows)
        supervised = sum(sum(row.supervised) for row in self.rows)
        return {"total": total, "supervised": supervised, "context": total - supervised}


class Renderer(NamedTuple):
    """What turns cases into rows: the model's tokenizer, the ids that end its turn, and the longest row it takes."""

    tokenizer: Any
    stop: frozenset[int]
    prompt: Prompt
    max_tokens: int


def build(cases: Iterable[Case], renderer: Renderer, recipe: Recipe) -> TokenRows:
    """Rows of all cases that can be learnt from.

    Raises InputError when a row is too long under `too_long = "raise"`, when more than one case and more than 1 % of
    them cannot be rendered, or when nothing is left to supervise.
    """
    rows: list[TokenRow] = []
    fates: Counter[str] = Counter()
    reasons: dict[str, str] = {}
    for case in cases:
        if case.target is None:
            fates[NO_TARGET] += 1
            continue
        try:
            row = render(case, renderer, every_turn=recipe.options.get("supervise") == "all")
        except InputError as error:
            fates[UNRENDERABLE] += 1
            reasons[case.id] = error.what
            continue
        fitted, fate = _fit(row, renderer.max_tokens, recipe.too_long)
        fates[fate] += 1
        if fitted is not None:
            rows.append(fitted)
    _refuse_a_broken_set(rows, fates, reasons)
    return TokenRows(rows, dict(fates), reasons)


def render(case: Case, renderer: Renderer, every_turn: bool = False) -> TokenRow:
    """The row of one case: its prompt and conversation as context, its target as supervised tokens.

    With `every_turn` the assistant's earlier turns of the conversation are supervised too; worked examples of the prompt
    never are. Raises InputError when the template cannot write the case.
    """
    if case.target is None:
        raise InputError("the case has no answer to learn", where=case.id)
    tokenizer, stop, _, _ = renderer
    prompt = _prompt_of(case, renderer)
    context = prompt_ids(tokenizer, prompt, case.messages, case.tools)
    answer = target_ids(tokenizer, prompt, case.messages, case.target, stop, case.tools)
    if len(answer) < 2:
        raise InputError("the answer is empty", where=case.id)
    row = TokenRow(case.id, context + answer, [False] * len(context) + [True] * len(answer))
    return _with_earlier_turns(row, case, prompt, renderer) if every_turn else row


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


def _with_earlier_turns(row: TokenRow, case: Case, prompt: Prompt, renderer: Renderer) -> TokenRow:
    supervised = list(row.supervised)
    for place, message in enumerate(case.messages):
        if message.role != "assistant":
            continue
        before = case.messages[:place]
        start = len(prompt_ids(renderer.tokenizer, prompt, before, case.tools))
        answer = target_ids(renderer.tokenizer, prompt, before, message, renderer.stop, case.tools)
        if row.ids[start : start + len(answer)] != answer:
            raise InputError("the chat template rewrites an earlier turn", where=case.id)
        supervised[start : start + len(answer)] = [True] * len(answer)
    return row._replace(supervised=supervised)


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
        raise InputError(f"there is nothing to train on: {left_out}", next="ingest more feedback, or curate again")
