"""RunSurvey the runs of agents in the calls: how they ended, and the first step of each that went wrong."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from harness.core import feedback_scale
from harness.mine import run_norms
from harness.mine.mined import Mined
from harness.mine.stage import by_call
from harness.mine.traffic import Traffic
from harness.mine.window import Window, runs_of
from harness.types import Call, Failure, Feedback, Noun, Trajectory


class WrongRun(Noun, frozen=True):
    """A run that failed, or in which a step went wrong."""

    id: str
    """Id of its first call."""
    route: str
    tools: tuple[str, ...]
    """Names of the tools of all its steps, in order."""
    steps: int
    outcome: float | None = None
    outcome_by: str = ""
    wrong_step: int = 0
    """Number of the first step that went wrong, from 1; 0: the trace does not tell."""
    call_id: str = ""
    """Call of that step."""
    reason: str = ""
    flags: tuple[str, ...] = ()


class RunSurvey(Noun, frozen=True):
    runs: int = 0
    steps: int = 0
    succeeded: int = 0
    failed: int = 0
    """Those of known outcome; of the others nobody by_id how they ended."""
    wrong: tuple[WrongRun, ...] = ()
    """In order of time."""


def survey_runs(calls: Iterable[Call], feedback: Iterable[Feedback], mined: Mined) -> RunSurvey:
    """Look at every run of agents that use tools. Memory grows with the runs that went wrong."""
    by_id = by_call(feedback_scale.read(feedback))
    traffic = Traffic(calls)
    successes = run_norms.learn(traffic, by_id)
    failures: dict[str, list[Failure]] = defaultdict(list)
    for failure in mined.failures:
        if failure.detector not in mined.hints:
            failures[failure.call_id].append(failure)
    runs = steps = good = bad = 0
    wrong: list[WrongRun] = []
    for session in traffic.sessions():
        window = Window(calls=session, feedback=by_id, runs=runs_of(session, by_id), successes=successes)
        for run in window.runs:
            runs, steps, good, bad = runs + 1, steps + len(run.steps), good + run.succeeded, bad + run.failed
            seen = min(_signs(run, window, failures), default=None)
            if seen is not None or run.failed:
                wrong.append(_wrong(run, *(seen or (-1, 0, ""))))
    return RunSurvey(runs=runs, steps=steps, succeeded=good, failed=bad, wrong=tuple(wrong))


def _signs(run: Trajectory, window: Window, failures: dict[str, list[Failure]]) -> Iterator[tuple[int, int, str]]:
    """What shows that a step went wrong: its place, how much it tells (less is more), and the reason. Blame of a run's end is
    no sign of the step that ended it."""
    for wrong in window.wrong_steps(run):
        yield wrong.step, 0, wrong.reason
    for place, step in enumerate(run.steps):
        for failure in failures.get(step.call_id, ()):
            if failure.detector not in _OUTCOMES:
                yield place, 1, failure.reason


_OUTCOMES = frozenset(["low_score", "thumbs_down"])


def _wrong(run: Trajectory, place: int, _: int, reason: str) -> WrongRun:
    return WrongRun(
        id=run.id,
        route=run.route,
        tools=tuple(run_norms.names(run)),
        steps=len(run.steps),
        outcome=run.outcome,
        outcome_by=run.outcome_by,
        wrong_step=place + 1,
        call_id=run.steps[place].call_id if place >= 0 else "",
        reason=reason,
        flags=run.flags,
    )
