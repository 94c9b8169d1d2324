"""Evaluate for a developer at a terminal: `pytest evals --model NAME`."""

from collections.abc import Iterator, Sequence

import pytest

from harness.evaluate.judging import words
from harness.evaluate.runner import usage
from harness.evaluate.runner.session import Evaluation
from harness.types import Result, Run, Suite


class Developing(Evaluation):
    """A wrong answer is a failed test, and at the end stands what each suite scored: a test that passed may be half right."""

    _runs: Sequence[Run] = ()

    def conclude(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        super().conclude(runs)

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for run in self._runs:
            lines = [line for suite in run.suites for line in _scored(run, suite)]
            if lines:
                terminalreporter.section(f"scores of {run.arm.name}")
                for line in [*lines, *words.sentences([run]), *_taken([run])]:
                    terminalreporter.line(line)


def _scored(run: Run, suite: Suite) -> Iterator[str]:
    """The mean of each score, the deciding one first; nothing for a suite that has none."""
    results = [result for result in run.results if result.suite == suite.name]
    scored = [result for result in results if result.scores]
    if scored:
        names = dict.fromkeys([suite.metric, *(score.name for result in scored for score in result.scores)])
        errors = sum(bool(result.error) for result in results)
        count = f"{len(scored):,} cases" if len(scored) != 1 else "1 case"
        yield f"{suite.name}: {', '.join(_mean(name, scored) for name in names)} ({count}, {errors:,} errors)"


def _mean(name: str, results: Sequence[Result]) -> str:
    values = [value for result in results if (value := result.score(name)) is not None]
    return f"{name} {sum(values) / len(values):.3f}"


def _taken(runs: Sequence[Run]) -> Iterator[str]:
    """Calls and tokens of the arm and of each judge."""
    for spent in usage.of_runs(runs):
        tokens = f", {spent.input:,} tokens in, {spent.output or 0:,} out" if spent.input is not None else ""
        cost = f", cost {spent.cost:g}" if spent.cost is not None else ""
        yield f"{spent.name}: {spent.calls:,} calls ({spent.cached:,} cached){tokens}{cost}"
