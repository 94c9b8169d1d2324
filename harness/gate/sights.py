"""Write down a look at eval cases: what was judged of each suite, and whether earlier looks are still known."""

from collections.abc import Iterator, Sequence
from itertools import islice

from harness.core.case_contents import asked
from harness.core.codec import digest
from harness.evaluate.arms import TUNED
from harness.gate.candidate import identity
from harness.project import EvaluationRuns, Project
from harness.store.looks import Sight
from harness.types import Policy, Result, Run

COUNTED = "looked"
"""Step name under which the memo keeps which evaluations were counted."""


def count(project: Project, current: EvaluationRuns, policy: Policy) -> tuple[dict[str, int], str]:
    """Count the look at the current evaluation, after those that nobody judged: whoever evaluates five times and judges the
    best has looked five times. Returns as `harness.store.looks.Looks.count`."""
    for evaluation in _unjudged(project, current, policy):
        _counted(project, evaluation, policy.candidate)
    return _counted(project, current, policy.candidate)


def lost(project: Project) -> Iterator[str]:
    """What earlier verdicts and promotions rest on and the ledger does not know any more."""
    yield from (f"{what}; restore it from a backup" for what in islice(project.store.lost(), 1))


def _unjudged(project: Project, current: EvaluationRuns, policy: Policy) -> list[EvaluationRuns]:
    """Evaluations of a candidate against its baselines that were not counted yet, the oldest first."""
    artifacts, memo = project.store.artifacts, project.store.memo
    found = [
        artifacts.get("evaluation", ident, EvaluationRuns)
        for ident in artifacts.ids("evaluation")
        if not memo.recall(COUNTED, ident)
    ]
    arms = {policy.candidate, *policy.baselines}
    return [each for each in found if each != current and arms <= dict(each.runs).keys()]


def _counted(project: Project, evaluation: EvaluationRuns, candidate: str) -> tuple[dict[str, int], str]:
    runs = project.runs(evaluation)
    judged = sights(list(runs.values()), identity(runs, candidate, evaluation.adapter), candidate)
    numbers, look = project.store.ledger.looks.count(judged)
    project.store.memo.remember(COUNTED, project.store.artifacts.put("evaluation", evaluation), look)
    return numbers, look


def sights(runs: Sequence[Run], candidate: str, arm: str = TUNED) -> dict[str, Sight]:
    """Suite to what these runs judge of it; `candidate` is the content id of what answered under `arm`, whose name counts for
    nothing."""
    own = TUNED if arm == TUNED else ""
    found = {}
    for name in sorted({suite.name for run in runs for suite in run.suites}):
        cases = {case.id: case for run in runs for case in run.cases.get(name, ())}
        answers = {
            own if run.arm.name == arm else run.arm.name: [_answer(each) for each in run.results if each.suite == name]
            for run in runs
        }
        contents = sorted({asked(case) for case in cases.values()})
        found[name] = Sight(judged=digest([candidate, answers]), cases=tuple(contents))
    return found


def _answer(result: Result) -> list[object]:
    replies = [[one.text, one.tool_calls, one.finish_reason, one.logprobs] for one in result.replies]
    return [result.case_id, result.repeat, result.scores, result.error, result.skipped, replies]
