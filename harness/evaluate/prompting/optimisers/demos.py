"""Search for worked examples: which training rows to show, how many, in what order, or the most like the case at hand.

Random search over sets of examples is what DSPy calls BootstrapFewShotWithRandomSearch (Khattab et al., arXiv 2310.03714), here
with the rows' own targets as answers; examples near the case are those of Liu et al., "What makes good in-context examples for
GPT-3?" (arXiv 2101.06804); that their order matters: Lu et al., "Fantastically ordered prompts" (arXiv 2104.08786). Candidates
are scored on a few rows, the better third on three times as many (successive halving, Jamieson and Talwalkar, arXiv
1502.07943). Nothing is drawn by a clock: the same rows and replies give the same prompt.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

from msgspec.structs import replace

from harness.core.codec import digest
from harness.evaluate.prompting.trial import Trial
from harness.evaluate.runner.few_shot import solved
from harness.types import Case, Noun, Prompt

KEEP = 3
"""One of so many goes on to the next round, which has so many times the rows."""
LEAST = 8
"""Rows of the first round, at the least."""


class Options(Noun, frozen=True):
    """Its keys under [prompts.NAME.options]."""

    most: int = 8
    """Most examples that a prompt shows."""
    sets: int = 12
    """Sets of examples that are drawn, in all sizes up to `most`."""
    orders: int = 4
    """Other orders of the best set that are tried."""


def optimise(trial: Trial, options: Options) -> Prompt:
    """The prompt with the highest score on the rows that judge; among equals the shortest."""
    plain = trial.start
    sizes = [size for size in (1, 2, 4, 8, 16, 32) if size < options.most] + [options.most] * (options.most > 0)
    near = [replace(plain, nearest=plain.nearest + size) for size in sizes]
    drawn = [_showing(plain, cases) for cases in _sets(trial, sizes, options.sets)]
    best = _halved(trial, [plain, *near, *drawn])
    other = [] if best.nearest != plain.nearest else _orders(trial, plain, best, options.orders)
    return _best(trial, [plain, best, *other])


def _halved(trial: Trial, prompts: list[Prompt]) -> Prompt:
    """The winner of rounds on more and more rows. A round takes as many of the prompts as the budget allows."""
    for rows in _rounds(trial, len(prompts)):
        while len(prompts) > 1 and not trial.affords(prompts, rows):
            prompts = prompts[:-1]
        if not trial.affords(prompts, rows):
            break
        trial.answers(prompts, rows)
        ranked = sorted(prompts, key=lambda prompt: (-trial.score(prompt, rows), _length(prompt)))
        prompts = ranked[: max(1, len(ranked) // KEEP)] if len(rows) < len(trial.validation) else ranked
    return prompts[0]


def _rounds(trial: Trial, count: int) -> Iterator[Sequence[Case]]:
    """The rows of each round, the last time all of them."""
    size = len(trial.validation)
    sizes = [size]
    while count > KEEP and sizes[0] // KEEP >= LEAST:
        sizes, count = [sizes[0] // KEEP, *sizes], count // KEEP
    return (trial.validation[:rows] for rows in sizes)


def _best(trial: Trial, prompts: Sequence[Prompt]) -> Prompt:
    """The highest score on all rows, of those that the budget allows; the first was scored before the search."""
    able = [prompts[0]]
    for prompt in prompts[1:]:
        if trial.affords([*able, prompt], trial.validation):
            able.append(prompt)
    trial.answers(able, trial.validation)
    return min(able, key=lambda prompt: (-trial.score(prompt), _length(prompt)))


def _sets(trial: Trial, sizes: Sequence[int], count: int) -> list[list[Case]]:
    """Sets of single questions with their answers. Each goes over the failure clusters in turn, so that none is left out."""
    rows = [case for case in trial.pool if _can_be_shown(case)]
    sets = []
    for number in range(count if sizes and rows else 0):
        draw = random.Random(digest([trial.seed, number]))
        groups: dict[str, list[Case]] = defaultdict(list)
        for case in draw.sample(rows, len(rows)):
            groups[case.cluster or case.route].append(case)
        order = draw.sample(sorted(groups), len(groups))
        dealt = chain.from_iterable(zip_longest(*(groups[name] for name in order)))
        sets.append([case for case in dealt if case is not None][: sizes[-1 - number % len(sizes)]])
    return sets


def _can_be_shown(case: Case) -> bool:
    """Whether it is one question and one answer in text: what [[prompts.NAME.examples]] can say."""
    spoken = [message.role for message in case.messages if message.role not in ("system", "developer")]
    return spoken == ["user"] and case.target is not None and bool(case.target.text) and not case.target.tool_calls


def _showing(start: Prompt, cases: Sequence[Case]) -> Prompt:
    return replace(start, messages=(*start.messages, *chain.from_iterable(solved(case) for case in cases)))


def _orders(trial: Trial, plain: Prompt, best: Prompt, count: int) -> list[Prompt]:
    """The same examples in other orders."""
    shown = best.messages[len(plain.messages) :]
    pairs = [shown[at : at + 2] for at in range(0, len(shown), 2)]
    draw = random.Random(digest([trial.seed, "orders"]))
    tried = [draw.sample(pairs, len(pairs)) for _ in range(count if len(pairs) > 1 else 0)]
    return [replace(plain, messages=(*plain.messages, *chain.from_iterable(order))) for order in tried]


def _length(prompt: Prompt) -> tuple[int, int, str]:
    """What is cheaper to send comes first."""
    return prompt.nearest, sum(len(message.text) for message in prompt.messages), digest(prompt.messages)
