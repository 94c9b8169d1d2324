"""Serve `harness.evaluate.stage`: a pytest session that a request file describes.

It sends its progress to the parent, writes its results beside the request, and ends when the parent does.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.core.case_contents import asked
from harness.core.codec import encode, read, write_atomic
from harness.core.worker import Parent
from harness.evaluate.application.program import content
from harness.evaluate.runner.answering import Event
from harness.evaluate.runner.conditions import CHANGED, Conditions
from harness.evaluate.runner.session import Evaluation
from harness.evaluate.runner.survey import SUITES_FILE, Survey, run_file
from harness.types import EvalRequest, Run, Suite

APPLICATION = "application"
"""Name under which the digest of the application that was judged stands among the conditions."""


class Recording(Evaluation):
    """An evaluation for the loop: it records, and writes what it recorded when pytest ends."""

    conditions: Conditions | None = None
    """What is watched while it runs."""

    def __init__(self, request: EvalRequest, parent: Parent | None) -> None:
        self._parent = parent
        super().__init__(request, recording=True, on_event=self._report)

    @pytest.hookimpl
    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.complain(excinfo.value)

    def complain(self, error: BaseException) -> None:
        if self._parent is not None:
            self._parent.failed(error)

    def _report(self, event: Event) -> None:
        if self._parent is not None:
            self._parent.event(encode(event))

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        super().pytest_sessionfinish(session)
        if session.config.option.collectonly:
            write_atomic(Path(self.request.out) / SUITES_FILE, encode(self.survey()))

    def conclude(self, runs: Sequence[Run]) -> None:
        runs = [self._under(run) for run in runs] if self.conditions else runs
        for run in runs:
            write_atomic(Path(self.request.out) / run_file(run.arm.name), encode(run))
        super().conclude(runs)

    def _under(self, run: Run) -> Run:
        assert self.conditions is not None
        digests = self.conditions.digests()
        if self.request.application:
            digests[APPLICATION] = content(self.request.application)
        changed = [name for name, content in digests.items() if content == CHANGED]
        problems = (*run.problems, *(f"{name} was {CHANGED}" for name in changed))
        return replace(run, conditions=digests, problems=problems)

    def survey(self) -> Survey:
        cases = {suite.suite.name: suite.cases for suite in self.suites.values()}
        return Survey(
            suites=self.declared(),
            problems=tuple(self.book.problems),
            mistakes=tuple(self.mistakes),
            texts=tuple(sorted({case.text for each in cases.values() for case in each if case.text})),
            cases=self.listed(),
            asked={name: tuple(sorted({asked(case) for case in each})) for name, each in cases.items()},
        )

    def listed(self) -> dict[str, tuple[str, ...]]:
        """Suite name to the ids of its selected cases, in order, each once however often it is repeated."""
        found: dict[str, dict[str, None]] = {}
        for entry in self.entries:
            found.setdefault(entry.suite.suite.name, {})[entry.case_id] = None
        return {name: tuple(ids) for name, ids in found.items()}

    def declared(self) -> tuple[Suite, ...]:
        """The suites of which at least one case was selected, in order."""
        return tuple({entry.suite.suite.name: entry.suite.suite for entry in self.entries}.values())


def recording(file: Path, config: pytest.Config) -> Recording:
    """The evaluation that a request file describes. From here on the process ends when its parent does."""
    descriptor = config.getoption("--trueup-events")
    request = read(file, EvalRequest)
    recording = Recording(request, None if descriptor is None else Parent(descriptor))
    if request.root:
        places = [part for arm in (*request.arms, *request.judges) for part in (arm.model, arm.adapter)]
        own = [request.out, request.replies, *request.datasets.values()]
        root = Path(request.root)
        recording.conditions = Conditions(root, [str(root / place) for place in (*own, *places) if place])
        recording.conditions.watch()
    return recording
