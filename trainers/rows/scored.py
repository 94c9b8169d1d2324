"""Load training cases with the suite that scores answers to them, for recipes that learn from scores."""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

from msgspec.structs import replace

from harness.core.rendering import prompt_ids
from harness.core.set_aside import set_aside, shuffled
from harness.curate.selection import CONTEXT_BUDGET
from harness.errors import InputError, InvalidError, UsageError
from harness.evaluate.reward_client import Answer, JudgedAnswer, JudgeRequest, SuiteJudge
from harness.types import Case, Prompt, Reply, Request, TuneRequest
from trainers.model import parameters
from trainers.rows import dataset, tokens

NO_PROMPT = Prompt(name="none")
VALIDATION_SHARE, VALIDATION_CASES = 0.15, 60
"""Share of the training cases that is kept aside to check on, and most of them."""
LEAST = 10
BROKEN_SHARE, BROKEN_LEAST = 0.02, 50
"""A suite that breaks on more than this share of answers, once so many were judged, cannot be learnt from."""
Z = 1.645
"""Standard normal quantile of a one-sided 5 % test."""


class Split(NamedTuple):
    """Training cases in two parts. No group (near-duplicates, a session) stands in both."""

    train: list[Case]
    validation: list[Case]
    spared: int = 0
    """Cases that the dataset's budget of tokens for one conversation does not pay for."""

    @property
    def cases(self) -> list[Case]:
        return [*self.train, *self.validation]

    @property
    def fates(self) -> dict[str, int]:
        """Fate to number of training cases; every case has one."""
        left_out = {CONTEXT_BUDGET: self.spared} if self.spared else {}
        return {tokens.TRAINED: len(self.train), dataset.VALIDATION: len(self.validation), **left_out}


def split(request: TuneRequest) -> Split:
    """The request's training cases without replay, and a part of them to validate on: never what was held out.

    Raises InvalidError when a held-out case stands among them, InputError when there are too few.
    """
    offered = dataset.answers(replace(request, recipe=replace(request.recipe, replay_share=0.0)))
    tokens.refuse_held_out(offered, request.held_out_ids)
    cases = dataset.within_budget(offered, request.dataset)
    most = min(VALIDATION_CASES, round(len(cases) * VALIDATION_SHARE))
    train, validation = set_aside(cases, most, shuffled(request.recipe.seed))
    if len(train) < LEAST or not validation:
        raise InputError(
            f"{len(train)} cases to train on and {len(validation)} to check on are too few to learn from scores",
            where=request.dataset,
            next='ingest more feedback, or set [tune] method = "sft"',
        )
    return Split(train, validation, len(offered) - len(cases))


def open_judge(request: TuneRequest, prompt: Prompt) -> SuiteJudge:
    """The suite of `options.suite` over the request's training cases. Raises UsageError when none is named."""
    name = str(request.recipe.options.get("suite", ""))
    if not name or not request.evals:
        raise UsageError(
            "this recipe learns from the scores of a suite, and none is named",
            where="[tune.options]",
            next='set suite = "eval_NAME" under [tune.options]: one of your eval functions',
        )
    cases = str(Path(request.dataset) / dataset.TRAIN)
    return SuiteJudge(JudgeRequest(name, request.evals, cases, prompt, request.pytest_args))


def prompts(requests: Sequence[Request], base: parameters.Base) -> list[list[int]]:
    """Token ids of what the suite asks, by serving's own renderer. The requests hold the arm's prompt already."""
    return [
        prompt_ids(base.tokenizer, NO_PROMPT, asked.messages, asked.tools, asked.template_options) for asked in requests
    ]


class Scores:
    """Values of the suite for replies; one that broke the suite is worth nothing, and is counted."""

    def __init__(self, judge: SuiteJudge) -> None:
        self.judge = judge
        self.judged = self.broken = 0

    def __call__(self, case_ids: Sequence[str], replies: Sequence[Reply]) -> list[float]:
        """Raises InvalidError when the suite breaks too often."""
        answers = [Answer(case_id=ident, reply=reply) for ident, reply in zip(case_ids, replies, strict=True)]
        return self.values(self.judge.judge(answers))

    def values(self, judged: Sequence[JudgedAnswer]) -> list[float]:
        """The values of what was judged already. Raises InvalidError as a call does."""
        self._count(judged)
        return [0.0 if answer.value is None else answer.value for answer in judged]

    def _count(self, judged: Sequence[JudgedAnswer]) -> None:
        errors = [answer.error for answer in judged if answer.value is None]
        self.judged, self.broken = self.judged + len(judged), self.broken + len(errors)
        if errors and self.judged >= BROKEN_LEAST and self.broken > BROKEN_SHARE * self.judged:
            raise InvalidError(
                f"the suite broke on {self.broken} of {self.judged} answers: {errors[0]}",
                where=self.judge.suite.name,
                next="make it give a score to any answer, however odd",
            )


class Together:
    """Do reward and validation rise together? A reward that rises while validation falls is being gamed."""

    def __init__(self, start: Sequence[float]) -> None:
        self.start, self.last = list(start), list(start)
        self.rewards: list[float] = []

    def add(self, reward: float) -> None:
        self.rewards.append(reward)

    def check(self, step: int, scores: Sequence[float]) -> float:
        """The mean of the validation scores. Raises InvalidError when it fell, by more than chance, as reward rose."""
        self.last = list(scores)
        if self.reward_rose and fell(self.start, scores):
            raise InvalidError(
                f"at step {step} reward has risen from {self.first:.3f} to {self.latest:.3f} while the validation score "
                f"has fallen from {fmean(self.start):.3f} to {fmean(scores):.3f}: what is learnt is not what is wanted",
                next="look at the suite: it rewards something else; or lower [tune] learning_rate",
            )
        return fmean(scores)

    @property
    def window(self) -> int:
        return max(1, len(self.rewards) // 5)

    @property
    def first(self) -> float:
        return fmean(self.rewards[: self.window]) if self.rewards else 0.0

    @property
    def latest(self) -> float:
        return fmean(self.rewards[-self.window :]) if self.rewards else 0.0

    @property
    def reward_rose(self) -> bool:
        return self.latest > self.first

    def summary(self) -> dict[str, float | bool | int]:
        return {
            "reward_first": self.first,
            "reward_last": self.latest,
            "validation_first": fmean(self.start),
            "validation_last": fmean(self.last),
            "validation_cases": len(self.start),
            "rose_together": self.reward_rose and fmean(self.last) > fmean(self.start),
        }


def fell(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether the paired scores are lower, in a one-sided 5 % z test on their differences."""
    changes = [new - old for old, new in zip(before, after, strict=True)]
    if len(changes) < 2:
        return False
    error = stdev(changes) / math.sqrt(len(changes))
    return fmean(changes) + Z * error < 0
