"""Collect what happened to each case while pytest runs, and make one `Run` an arm at the end."""

import time
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from harness.core.codec import digest
from harness.errors import TrueupError
from harness.evaluate import identity
from harness.evaluate.runner.answering import Answerer
from harness.evaluate.runner.collection import SuiteCases
from harness.evaluate.runner.few_shot import Nearest
from harness.evaluate.runner.model import Exchange, Model
from harness.evaluate.runner.outcomes import error_text, failed_check, name_metrics, to_scores
from harness.evaluate.runner.turns import new_messages
from harness.types import Arm, Case, Result, Run, Spent, Suite


class Entry:
    """One test of one arm: which case of which suite it is."""

    def __init__(self, suite: SuiteCases, case_id: str, case: Case, repeat: int) -> None:
        self.suite, self.case_id, self.case, self.repeat = suite, case_id, case, repeat


class Book:
    """Results of all arms. An entry that never got one is an error: a case must not vanish."""

    def __init__(self, arms: Sequence[Arm], answerer: Answerer, nearest: Nearest) -> None:
        self.problems: list[str] = []
        self._arms, self._answerer, self._nearest = arms, answerer, nearest
        self._results: dict[tuple[str, str, str, int], Result] = {}
        self._exchanges: dict[tuple[str, str, str, int], Sequence[Exchange]] = {}
        self._started = time.time_ns()
        self._seconds: dict[str, float] = {}
        self._judged: dict[str, tuple[Spent, ...]] = {}

    def outcome(self, arm: Arm, entry: Entry, model: Model | None, value: Any, error: BaseException | None) -> Result:
        """Keep what an eval function returned or raised."""
        blank = self._blank(arm, entry, model)
        self._exchanges[_key(arm, entry)] = model.exchanges if model is not None else ()
        if model is not None and not isinstance(error, pytest.skip.Exception):
            error = model.failed() or error
        if isinstance(error, (AssertionError, pytest.fail.Exception)):
            return self._keep(arm, replace(blank, scores=(failed_check(error),)))
        if isinstance(error, (pytest.skip.Exception, pytest.xfail.Exception)):
            return self._keep(arm, replace(blank, skipped=str(error) or "skipped"))
        if error is not None:
            return self._keep(arm, replace(blank, error=error_text(error)))
        try:
            scores = to_scores(value, entry.suite.asserts, entry.suite.suite.metric)
            return self._keep(arm, replace(blank, scores=scores))
        except TrueupError as problem:
            return self._keep(arm, replace(blank, error=": ".join(filter(None, (problem.what, problem.next)))))

    def broken(self, arm: Arm, entry: Entry, error: BaseException) -> None:
        """Keep what setup or teardown raised; it takes the place of any score."""
        known = self._results.get(_key(arm, entry)) or self._blank(arm, entry, None)
        if isinstance(error, pytest.skip.Exception):
            self._keep(arm, replace(known, skipped=str(error) or "skipped", scores=()))
        else:
            self._keep(arm, replace(known, error=error_text(error), scores=()))

    def exchanges(self, arm: Arm, result: Result) -> Sequence[Exchange]:
        """What a result's case asked and was answered, in order."""
        return self._exchanges.get((arm.name, result.suite, result.case_id, result.repeat), ())

    def asked_nothing(self) -> bool:
        """Whether cases were scored, and none of all asked the model anything."""
        scored = any(result.scores for result in self._results.values())
        return scored and not any(self._exchanges.values())

    def result(self, arm: Arm, entry: Entry) -> Result | None:
        """What is known of a case under an arm so far."""
        return self._results.get(_key(arm, entry))

    def took(self, arm: Arm, seconds: float, judged: tuple[Spent, ...]) -> None:
        """The wall-clock time of an arm, and what its judges took."""
        self._seconds[arm.name], self._judged[arm.name] = seconds, judged

    def runs(self, entries: Sequence[Entry], environment: dict[str, str]) -> tuple[Run, ...]:
        """One run an arm, each with the same cases in the same order."""
        judged = {entry.suite.suite.name: entry.suite.calibrations for entry in entries}
        return name_metrics([self._run(arm, entries, environment) for arm in self._arms], judged)

    def _run(self, arm: Arm, entries: Sequence[Entry], environment: dict[str, str]) -> Run:
        suites: dict[str, Suite] = {entry.suite.suite.name: entry.suite.suite for entry in entries}
        cases: dict[str, dict[str, Case]] = {name: {} for name in suites}
        for entry in entries:
            cases[entry.suite.suite.name][entry.case_id] = entry.case
        problems = list(self.problems)
        model = content = ""
        try:
            shown = [self._nearest.digest(arm.prompt)] if arm.prompt.nearest else []
            model = digest([self._answerer.digest(arm), arm.prompt, arm.options, *shown])
            content = identity.content(arm)
        except TrueupError as error:
            hint = f" next: {error.next}" if error.next else ""
            place = f" ({error.where})" if error.where else ""
            problems.append(f"the model of arm {arm.name!r} cannot be had: {error.what}{place}{hint}")
        return Run(
            id="",
            arm=arm,
            model_digest=model,
            suites=tuple(suites.values()),
            results=tuple(self._results.get(_key(arm, entry)) or self._missing(arm, entry) for entry in entries),
            cases={name: tuple(found.values()) for name, found in cases.items()},
            started_ns=self._started,
            seconds=self._seconds.get(arm.name, 0.0),
            generated=self._answerer.generated[arm.name],
            judged=self._judged.get(arm.name, ()),
            problems=tuple(problems),
            environment=environment,
            content=content,
        )

    def _keep(self, arm: Arm, result: Result) -> Result:
        self._results[arm.name, result.suite, result.case_id, result.repeat] = result
        return result

    def _blank(self, arm: Arm, entry: Entry, model: Model | None) -> Result:
        replies = tuple(model.replies) if model is not None else ()
        asked = new_messages(entry.case.messages, model.conversations, replies) if model is not None else ()
        return Result(
            suite=entry.suite.suite.name,
            case_id=entry.case_id,
            repeat=entry.repeat,
            replies=replies,
            asked=asked,
            closing=model.closing() if model is not None else (),
            seconds=sum(reply.seconds for reply in replies),
            notes=model.notes() if model is not None else (),
        )

    def _missing(self, arm: Arm, entry: Entry) -> Result:
        return replace(self._blank(arm, entry, None), error="the run ended before this case did")


def _key(arm: Arm, entry: Entry) -> tuple[str, str, str, int]:
    return arm.name, entry.suite.suite.name, entry.case_id, entry.repeat
