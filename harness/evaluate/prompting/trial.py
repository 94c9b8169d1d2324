"""Score prompts on training rows that are set aside, within a budget of calls.

An optimiser gets a `Trial` and nothing else: rows that a prompt may show, rows that judge, and a way to score. What was held
out is not in it. A row is right when the reply says the same as its target (JSON by value, text by words), or as far as the
scorer says that the options name.
"""

from collections.abc import Sequence
from typing import NamedTuple

from harness.core.codec import digest
from harness.core.plugins import load
from harness.core.rendering import merge_prompt
from harness.core.replies import expected_of, said
from harness.errors import InvalidError
from harness.evaluate.prompting.writer import Ask, PromptWriter
from harness.evaluate.runner.few_shot import Examples
from harness.types import Case, Message, Prompt, Reply, Request, TextPart

SPARE_TOKENS = 16
"""How much longer than the longest right answer a model may write."""
CHARS = 2
"""Least characters that a token of an answer may stand for, where no tokenizer is at hand."""


class JudgedRow(NamedTuple):
    """One row under one prompt."""

    case: Case
    text: str
    """What the model answered; of a request that failed, why."""
    score: float
    """0 to 1."""


class Trial:
    """What an optimiser works with. Equal arguments and replies mean equal scores."""

    def __init__(
        self,
        start: Prompt,
        pool: Sequence[Case],
        validation: Sequence[Case],
        ask: Ask,
        *,
        calls: int,
        scorer: str = "",
        seed: int = 0,
        writer: PromptWriter | None = None,
    ) -> None:
        """`pool` may be shown and reflected on, `validation` judges; both are training rows with a target. `writer` is the
        model that writes prompts."""
        self.start, self.pool, self.validation, self.seed = start, tuple(pool), tuple(validation), seed
        self.left = calls
        """Requests that may still be asked."""
        self.asked = 0
        self.writer = writer
        self._ask, self._scorer = ask, scorer
        self._examples = Examples(self.pool)
        self._known: dict[tuple[str, str], JudgedRow] = {}
        self._tried: set[str] = set()
        self.max_tokens = SPARE_TOKENS + max(len(_answer(case)) for case in (*pool, *validation)) // CHARS

    @property
    def tried(self) -> int:
        """Prompts that were scored on at least one row."""
        return len(self._tried)

    def affords(self, prompts: Sequence[Prompt], cases: Sequence[Case]) -> bool:
        """Whether the budget is enough to score these prompts on these rows."""
        return len(self._new(prompts, cases)) <= self.left

    def answers(self, prompts: Sequence[Prompt], cases: Sequence[Case]) -> list[list[JudgedRow]]:
        """For each prompt its answers, in the order of the rows. What was asked before is not asked again.

        Raises InvalidError where the budget is not enough, or where no request was answered.
        """
        new = self._new(prompts, cases)
        if len(new) > self.left:
            raise InvalidError("the search asks for more than its budget", where=f"{len(new)} calls, {self.left} left")
        replies = self._ask([self._request(prompt, case) for prompt, case in new]) if new else ()
        if new and all(isinstance(reply, Exception) for reply in replies):
            raise next(reply for reply in replies if isinstance(reply, Exception))
        for (prompt, case), reply in zip(new, replies, strict=True):
            self._known[_name(prompt), case.id] = self._judged(case, reply)
        self.left, self.asked = self.left - len(new), self.asked + len(new)
        self._tried.update(_name(prompt) for prompt, _ in new)
        return [[self._known[_name(prompt), case.id] for case in cases] for prompt in prompts]

    def score(self, prompt: Prompt, cases: Sequence[Case] = ()) -> float:
        """Mean score of a prompt on `cases`, or on all rows that judge."""
        (given,) = self.answers([prompt], cases or self.validation)
        return sum(each.score for each in given) / len(given)

    def _new(self, prompts: Sequence[Prompt], cases: Sequence[Case]) -> list[tuple[Prompt, Case]]:
        wanted = {(_name(prompt), case.id): (prompt, case) for prompt in prompts for case in cases}
        return [pair for key, pair in wanted.items() if key not in self._known]

    def _request(self, prompt: Prompt, case: Case) -> Request:
        filled = self._examples.fill(prompt, case.messages)
        return Request(messages=merge_prompt(filled, case.messages), tools=case.tools, max_tokens=self.max_tokens)

    def _judged(self, case: Case, reply: Reply | Exception) -> JudgedRow:
        if isinstance(reply, Exception):
            return JudgedRow(case, f"the request failed: {reply}", 0.0)
        assert case.target is not None
        if self._scorer:
            score = getattr(load("scorers", self._scorer), self._scorer)(reply, expected_of(case.target))
            return JudgedRow(case, reply.text, float((score[0] if isinstance(score, tuple) else score).value))
        words = (TextPart(text=reply.text),) if reply.text else ()
        answer = Message(role="assistant", parts=(*words, *reply.tool_calls))
        return JudgedRow(case, reply.text, float(said(answer) == said(case.target)))


def _name(prompt: Prompt) -> str:
    return digest([prompt.messages, prompt.nearest])


def _answer(case: Case) -> str:
    assert case.target is not None
    return "".join([case.target.text, *(call.name + call.arguments for call in case.target.tool_calls)])
