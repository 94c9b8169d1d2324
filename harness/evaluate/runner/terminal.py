"""Evaluate for a developer at a terminal: `pytest evals --model NAME`."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from harness.core.codec import decode, encode
from harness.evaluate.judging import words
from harness.evaluate.runner import sharding, usage
from harness.evaluate.runner.answering import Event
from harness.evaluate.runner.bench import Question
from harness.evaluate.runner.pulse import Pulse
from harness.evaluate.runner.session import Evaluation
from harness.types import Arm, EvalRequest, Reply, Result, Run, Suite
from trueup.pytest_plugin import NAME

GATHERED = "trueup-gathered"
QUIETER = -2
"""Verbosity of `-q -q`, at which pytest itself prints no progress."""


class ScoreSummary:
    """Prints what each suite scored, at the end: a test that passed may be half right."""

    runs: Sequence[Run] = ()

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for run in self.runs:
            lines = [line for suite in run.suites for line in _scored(run, suite)]
            if lines:
                terminalreporter.section(f"scores of {run.arm.name}")
                for line in [*lines, *words.sentences([run]), *_taken([run])]:
                    terminalreporter.line(line)


class Developing(Evaluation, ScoreSummary):
    """A wrong answer is a failed test, and the scores of all suites are shown at the end.

    A process of pytest-xdist hands the scores of its cases to the one that started it.
    """

    _handed: dict[str, str] | None = None
    _pulse: Pulse | None = None

    def __init__(self, request: EvalRequest, model_names: Callable[[], str]) -> None:
        super().__init__(request, recording=False, on_event=self.hear, model_names=model_names)

    def hear(self, event: Event) -> None:
        """What happens on the way: shown where it takes long."""
        if self._pulse is not None:
            self._pulse.hear(event)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        terminal = session.config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None and session.config.get_verbosity() > QUIETER:
            self._pulse = Pulse(terminal)
        try:
            return super().pytest_runtestloop(session)
        finally:
            if self._pulse is not None:
                self._pulse.close()

    def _try_askers(self) -> None:
        super()._try_askers()
        self._rest()

    def _answer_for(self, arm: Arm) -> Callable[[Sequence[Question]], list[Reply | Exception]]:
        answer = super()._answer_for(arm)

        def answered(questions: Sequence[Question]) -> list[Reply | Exception]:
            if self._pulse is not None:
                self._pulse.begin(f"{arm.name}: starting")
            try:
                return answer(questions)
            finally:
                self._rest()

        return answered

    def _rest(self) -> None:
        """Nothing takes long at the moment, and pytest may write."""
        if self._pulse is not None:
            self._pulse.end()

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._handed = getattr(session.config, "workeroutput", None)
        if self._handed is not None:
            self.entries = [
                entry for entry in self.entries if any(self.book.result(a, entry) for a in self.request.arms)
            ]
        super().pytest_sessionfinish(session)
        if self.mistakes:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        super().pytest_terminal_summary(terminalreporter)
        if self.mistakes:
            terminalreporter.section("mistakes in eval functions")
            for told in self.mistakes:
                terminalreporter.line(told)

    def conclude(self, runs: Sequence[Run]) -> None:
        self.runs = runs
        if self._handed is not None:
            self._handed[NAME] = encode(tuple(runs)).decode()
        super().conclude(runs)


class Gathered(ScoreSummary):
    """What the processes of pytest-xdist scored, each of its own cases."""

    @classmethod
    def of(cls, config: pytest.Config) -> "Gathered":
        """The one of this session."""
        if not config.pluginmanager.hasplugin(GATHERED):
            config.pluginmanager.register(cls(), GATHERED)
        found: Gathered = config.pluginmanager.getplugin(GATHERED)
        return found

    def add(self, runs: str) -> None:
        """Take over the runs of one process, as JSON."""
        new = decode(runs.encode(), tuple[Run, ...])
        self.runs = [sharding.beside([*pair]) for pair in zip(self.runs, new, strict=True)] if self.runs else new


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
