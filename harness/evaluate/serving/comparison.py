"""Compare what a server answers with what `hf` answers: greedy tokens and log-likelihoods of a few short rows.

A server is another implementation of the model, often with weights, templates or kernels of its own. So before anything
is asked of it, a few rows go to both. Greedy tokens must agree up to the first place where `hf` itself was nearly
undecided (`NEAR_TIE`), log-likelihoods within `BOUND`. What `hf` answers is remembered by what it depends on.
"""

import contextlib
from collections.abc import Sequence
from functools import partial

import torch

from harness.core.codec import digest, encode, read, write_atomic
from harness.core.reads import code
from harness.core.rendering import prompt_ids
from harness.errors import InputError, InvalidError, StorageError
from harness.evaluate.backends import hf
from harness.evaluate.inference.check import TEXT
from harness.evaluate.inference.generate import DecodingRow
from harness.evaluate.inference.loglikelihood import Tree
from harness.evaluate.inference.recall import finding_file
from harness.evaluate.inference.requests import NO_PROMPT
from harness.evaluate.inference.weights import Resident, place_of
from harness.evaluate.serving.calls import Address, Answered, Caller, EndpointError
from harness.evaluate.serving.completion import continuations, likelihoods, scoring_calls, writing_call
from harness.types import Arm, Message, Noun, TextPart

BOUND = 0.05
"""Nats a token by which log-likelihoods may differ: what bfloat16 explains."""
NEAR_TIE = 0.25
"""Nats between the two likeliest tokens below which either may be written: two steps of bfloat16 at logits of 16 to 32."""
NEW = 16
"""Tokens that each row is continued by."""
CUTS = (12, 30)
SCORED = 12
"""Where the text is cut into a row to continue, and how many of its next tokens are scored."""


class HfAnswers(Noun, frozen=True):
    """What `hf` answers: one entry a row in each field."""

    rows: tuple[tuple[int, ...], ...]
    greedy: tuple[tuple[int, ...], ...]
    margins: tuple[tuple[float, ...], ...]
    """Nats between the two likeliest tokens at each place of `greedy`."""
    scored: tuple[tuple[int, ...], ...]
    likelihoods: tuple[float, ...]
    """Of the tokens in `scored` behind their row, summed, in nats."""


def answers_of_hf(arms: Sequence[Arm]) -> list[HfAnswers]:
    """What `hf` answers as each arm: recalled, or computed on one set of weights that is let go of at the end."""
    residents: dict[str, Resident] = {}
    try:
        return [_recalled(arm, residents) for arm in arms]
    finally:
        residents.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def compare(known: HfAnswers, caller: Caller, address: Address, model: str, ends: frozenset[int], what: str) -> str:
    """In words how close the server comes. Raises InvalidError naming what differs, EndpointError on no answer."""
    trees = [Tree(row, (scored,)) for row, scored in zip(known.rows, known.scored, strict=True)]
    scorings = [scoring_calls(model, tree) for tree in trees]
    calls = [writing_call(model, known.rows, NEW, ends), *(call for each in scorings for call in each)]
    given = [_answered(answer) for answer in caller.post(address, calls)]
    for row, (tokens, _) in enumerate(continuations(given[0].json, known.rows)):
        if difference := _first_difference(known, row, tokens, ends):
            raise _refusal(what, difference, address)
    worst, rest = 0.0, iter(given[1:])
    for tree, each, ours in zip(trees, scorings, known.likelihoods, strict=True):
        ((theirs, _),) = likelihoods([next(rest) for _ in each], tree)
        worst = max(worst, abs(theirs - ours) / len(tree.options[0]))
    if worst > BOUND:
        raise _refusal(what, f"log-likelihoods differ by {worst:.3f} nats a token, and {BOUND} is allowed", address)
    return f"greedy tokens agree, log-likelihoods within {worst:.3f} nats a token"


def _answered(answer: Answered | EndpointError) -> Answered:
    if isinstance(answer, EndpointError):
        raise answer
    return answer


def _first_difference(known: HfAnswers, row: int, tokens: Sequence[int], ends: frozenset[int]) -> str:
    """In words where the server's greedy tokens leave those of `hf`; empty where they do not, or at a near tie."""
    theirs = [token for token in tokens if token not in ends]
    ours = [token for token in known.greedy[row] if token not in ends]
    for place, margin in enumerate(known.margins[row]):
        if theirs[place : place + 1] != ours[place : place + 1]:
            if margin <= NEAR_TIE:
                return ""
            return (
                f"greedy token {place + 1} of row {row + 1} is {theirs[place : place + 1]}, and hf writes "
                f"{ours[place : place + 1]} with {margin:.2f} nats to spare"
            )
    return ""


def _refusal(what: str, difference: str, address: Address) -> InvalidError:
    return InvalidError(
        f"the server does not answer as hf does for {what}: {difference}",
        where=address.url,
        next="serve these weights in the arm's dtype without quantization, or set compare = false and say why",
    )


def _recalled(arm: Arm, residents: dict[str, Resident]) -> HfAnswers:
    file = finding_file("answers", digest([hf.digest(arm), arm.template_options, code(__name__)]))
    with contextlib.suppress(OSError, InputError):
        return read(file, HfAnswers)
    answers = _computed(arm, residents)
    with contextlib.suppress(OSError, StorageError):  # computed again next time
        write_atomic(file, encode(answers))
    return answers


def _computed(arm: Arm, residents: dict[str, Resident]) -> HfAnswers:
    opened, adapter = place_of(arm)
    key = digest(list(opened))
    if key not in residents:
        residents.clear()
        residents[key] = Resident(*opened)
    model = residents[key]
    model.use(adapter)
    rows, scored = _probes(model, arm)
    greedy, margins = _write(model, rows)
    return HfAnswers(
        rows=tuple(rows),
        greedy=tuple(greedy),
        margins=tuple(margins),
        scored=tuple(scored),
        likelihoods=tuple(_score(model, rows, scored)),
    )


def _probes(model: Resident, arm: Arm) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Rows to continue, and the tokens to score behind each: two cuts of a text, and a chat where there is a template."""
    text = model.encode(TEXT)
    rows = [tuple(text[:cut]) for cut in CUTS]
    scored = [tuple(text[cut : cut + SCORED]) for cut in CUTS]
    if getattr(model.tokenizer, "chat_template", None):
        asked = Message(role="user", parts=(TextPart(text=TEXT),))
        with contextlib.suppress(InputError):  # a template that refuses a lone user message
            rows.append(tuple(prompt_ids(model.tokenizer, NO_PROMPT, (asked,), (), arm.template_options)))
            scored.append(tuple(text[:SCORED]))
    return rows, scored


def _write(model: Resident, rows: Sequence[tuple[int, ...]]) -> tuple[list[tuple[int, ...]], list[tuple[float, ...]]]:
    greedy: dict[int, tuple[int, ...]] = {}
    margins: dict[int, list[float]] = {place: [] for place in range(len(rows))}
    for way, places in model.routed({place: len(row) + NEW for place, row in enumerate(rows)}):
        for part in way.parts([rows[place] for place in places], model.start_prefix):
            mine = [places[each] for each in part.rows]
            asked = [
                DecodingRow(rows[place][part.prefix.tokens :], NEW, watch=partial(_keep, margins[place]))
                for place in mine
            ]
            for place, written in zip(mine, way.generate(part.prefix, asked, len(asked), model.ends), strict=True):
                greedy[place] = tuple(written.tokens)
    return [greedy[place] for place in range(len(rows))], [tuple(margins[place]) for place in range(len(rows))]


def _keep(margins: list[float], logits: torch.Tensor) -> None:
    first, second = logits.float().topk(2).values.tolist()
    margins.append(first - second)


def _score(model: Resident, rows: Sequence[tuple[int, ...]], scored: Sequence[tuple[int, ...]]) -> list[float]:
    sums: dict[int, float] = {}
    needs = {place: len(row) + len(scored[place]) for place, row in enumerate(rows)}
    for way, places in model.routed(needs):
        for part in way.parts([rows[place] for place in places], model.start_prefix):
            mine = [places[each] for each in part.rows]
            trees = [Tree(rows[place], (scored[place],)).after(part.prefix.tokens) for place in mine]
            for place, known in zip(mine, way.loglikelihoods(part.prefix, trees, len(trees)), strict=True):
                sums[place] = known[0][0]
    return [sums[place] for place in range(len(rows))]
