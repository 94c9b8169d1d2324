"""Make a `Result` of what an eval function returned, and a `Run` of an arm's results.

Three things are kept apart: a wrong answer (a score of 0, a failed assertion), an error of the suite or its
environment (any other exception: it says nothing of the model), and a case that was skipped.
"""

import inspect
import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

import pytest
from msgspec.structs import replace

from harness.core.codec import digest
from harness.errors import InputError, TrueupError
from harness.types import Budget, Calibration, Reply, Result, Run, Score, Suite

PASSED = "passed"
"""Name of the score that says whether a function's assertions held."""
OURS = ("harness", "_pytest", "pluggy")
"""Packages whose steps of a traceback say nothing to the author of an eval file."""


def to_scores(value: Any, asserts: bool, metric: str = "") -> tuple[Score, ...]:
    """Scores of what an eval function returned without raising.

    `asserts`: the function holds assertions, so it also has the score `passed`, which is the only one when it returned
    nothing. Raises InputError on a value that is no score, on nothing where nothing was asserted either (a suite that
    cannot fail), on numbers that are not finite, and when none is named `metric`, where that is given.
    """
    scores = tuple(_flatten(value))
    for score in scores:
        if not math.isfinite(score.value):
            raise InputError(f"the score {score.name!r} is not a number: {score.value}")
    if len({score.name for score in scores}) < len(scores):
        raise InputError(f"two scores have one name: {', '.join(score.name for score in scores)}")
    if not scores and not asserts:
        raise InputError(
            "the eval function returned no score and has no assert, so no answer could fail it",
            next="return score.text(...), or what it computed; or assert on the reply",
        )
    if asserts and all(score.name != PASSED for score in scores):
        scores += (Score(name=PASSED, value=1.0),)
    if metric and all(score.name != metric for score in scores):
        there = ", ".join(score.name for score in scores)
        raise InputError(f"no score is named {metric!r}, which @suite(metric=...) names; there is {there}")
    return scores


def failed_check(error: BaseException) -> Score:
    """The score of an assertion that failed, with pytest's words of why."""
    return Score(name=PASSED, value=0.0, explanation=str(error) or "assertion failed")


def error_text(error: BaseException) -> str:
    """One line for `Result.error`: type, message and the line of the eval file or fixture where it was raised."""
    name, text = type(error).__name__, " ".join(str(error).split())
    if isinstance(error, pytest.FixtureLookupError):
        text = f"fixture {error.argname!r} not found"
    own = theirs(error)
    place = f" ({own[-1].tb_frame.f_code.co_filename}:{own[-1].tb_lineno})" if own else ""
    return f"{name}: {text}{place}" if text else f"{name}{place}"


def without_ours(error: BaseException) -> BaseException:
    """The error with the traceback of the eval file and what it calls, without steps of this package.

    An error of ours says what went wrong and what to do, so what it was made from is left out too.
    """
    own: TracebackType | None = None
    for step in reversed(theirs(error)):
        own = TracebackType(own, step.tb_frame, step.tb_lasti, step.tb_lineno)
    if isinstance(error, TrueupError):
        error.__cause__, error.__suppress_context__ = None, True
    return error.with_traceback(own) if own else error


def theirs(error: BaseException) -> list[TracebackType]:
    """Steps of an error's traceback outside this package and pytest's, outermost first."""
    steps: list[TracebackType] = []
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_globals.get("__name__", "").partition(".")[0] not in OURS:
            steps.append(step)
        step = step.tb_next
    return steps


def _flatten(value: Any) -> Iterable[Score]:
    if value is None:
        return
    if isinstance(value, Score):
        yield value
    elif isinstance(value, numbers.Real):  # bool among them; numpy's scalars too
        yield Score(name=PASSED if isinstance(value, bool) else "score", value=float(value))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _flatten(item)
    elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
        for name, item in value.items():
            yield from (replace(score, name=name) for score in _flatten(item))
    elif inspect.iscoroutine(value):
        value.close()
        raise InputError("an eval function is a plain `def`, not async: calls of the model are batched as they are")
    else:
        raise InputError(
            f"an eval function returned {type(value).__name__}, which is no score",
            next="return score.text(...), a number, True or False, several of them, or nothing",
        )


def name_metrics(runs: Sequence[Run], judged: Mapping[str, Mapping[str, Calibration]] = {}) -> tuple[Run, ...]:
    """Fill in each suite's deciding metric, the same for every arm, and score failed assertions under it.

    `judged` maps suites to their judges by name of score: the one that gives the metric is the suite's judge.

    A suite that names no metric is decided by the first score that its function returned; if none did, by its judge, so
    that a judge who does not count is seen. A case whose assertion failed
    never returned, so its deciding score is 0: otherwise the very cases that fail would be missing from it.
    """
    suites = {suite.name: suite for run in runs for suite in run.suites}
    results = [result for run in runs for result in run.results]
    metrics = {
        name: suite.metric or _first_metric(name, results) or next(iter(judged.get(name, {})), PASSED)
        for name, suite in suites.items()
    }
    named = {
        name: replace(suite, metric=metrics[name], judge=judged.get(name, {}).get(metrics[name]))
        for name, suite in suites.items()
    }
    return tuple(_identified(_with_metrics(run, named)) for run in runs)


def _first_metric(suite: str, results: Sequence[Result]) -> str:
    """Name of the first score that the function returned; empty when it never did."""
    for result in results:
        if result.suite == suite and result.scores and not _stopped(result):
            return result.scores[0].name
    return ""


def _stopped(result: Result) -> bool:
    return len(result.scores) == 1 and result.scores[0].name == PASSED and result.scores[0].value == 0.0


def _with_metrics(run: Run, suites: dict[str, Suite]) -> Run:
    results = tuple(_completed(result, suites[result.suite]) for result in run.results)
    return replace(run, suites=tuple(suites[suite.name] for suite in run.suites), results=results)


def _completed(result: Result, suite: Suite) -> Result:
    if not _stopped(result) or suite.metric == PASSED or isinstance(suite.role, Budget):
        return result
    stop = Score(name=suite.metric, value=0.0, explanation=f"not reached: {result.scores[0].explanation}")
    return replace(result, scores=(stop, *result.scores))


def _identified(run: Run) -> Run:
    """The run with its content id: what was asked, answered and scored, but not how long it took or where it lay."""
    answers = [
        (r.suite, r.case_id, r.repeat, r.scores, r.error, r.skipped, [_answer(reply) for reply in r.replies])
        for r in run.results
    ]
    arm = replace(run.arm, model="", adapter="")  # folders: what is in them is in the model's digest
    return replace(run, id=digest([arm, run.model_digest, run.suites, answers, run.problems]))


def _answer(reply: Reply) -> tuple[Any, ...]:
    thoughts = (reply.reasoning,) if reply.reasoning else ()
    return reply.text, reply.tool_calls, reply.finish_reason, reply.logprobs, *thoughts
