"""List stored runs, and find one case in them: what was asked, and what each arm answered."""

import time
from collections.abc import Iterable, Iterator, Sequence

from harness.core.codec import digest
from harness.core.nearest import did_you_mean
from harness.errors import UsageError
from harness.gate.runs import run_of
from harness.project import LATEST, EvaluationRuns, Project
from harness.types import Case, Noun, Result, Run

NEWEST = 50
"""Stored runs that a case is looked for in, where the latest evaluation does not have it."""


class StoredRun(Noun, frozen=True):
    """One line of `trueup runs`."""

    id: str
    arm: str
    at_ns: int
    """When it was started, in Unix nanoseconds."""
    when: str
    """The same as an ISO time, UTC."""
    suites: tuple[str, ...]
    cases: int
    """Results: cases times repeats."""
    errors: int
    skipped: int
    latest: bool
    """Whether it is one of the evaluation that the gate judges."""


class ShownAnswer(Noun, frozen=True):
    """What one arm answered to a case, once a repeat."""

    arm: str
    run: str
    """Content id of the run."""
    prompt: str
    """Name of the arm's prompt."""
    results: tuple[Result, ...]


class ShownCase(Noun, frozen=True):
    """One case of one suite, over the arms that were asked it."""

    suite: str
    case: Case
    answers: tuple[ShownAnswer, ...]


def stored(project: Project, last: int) -> tuple[StoredRun, ...]:
    """The newest runs, as many as `last`, the newest first."""
    latest = set(_latest(project))
    lines = [_line(ident, run, ident in latest) for ident, run in _newest(project, last)]
    return tuple(sorted(lines, key=lambda line: line.at_ns, reverse=True))


def newest(project: Project, name: str = "") -> tuple[Run, ...]:
    """The stored run whose id starts with `name`, else the newest of that arm; without a name all that were started with the
    newest. Raises UsageError where there is none, or several ids start so."""
    ids = project.store.artifacts.ids("run")
    if not ids:
        raise UsageError("no runs are stored yet", next="trueup eval")
    named = [ident for ident in ids if name and ident.startswith(name)]
    if len(named) > 1:
        raise UsageError(
            f"several runs start with {name!r}", next=f"one of {', '.join(each[:12] for each in named[:3])}"
        )
    if named:
        return (project.store.artifacts.get("run", named[0], Run),)
    recent = sorted((run for _, run in _newest(project, NEWEST)), key=lambda run: -run.started_ns)
    if name:
        arms = sorted({run.arm.name for run in recent})
        of_arm = [run for run in recent if run.arm.name == name]
        if not of_arm:
            raise UsageError(f"there is no run of {name!r}", next=f"known arms: {', '.join(arms)}; ids: trueup runs")
        return (of_arm[0],)
    return tuple(reversed([run for run in recent if run.started_ns == recent[0].started_ns]))


def case(project: Project, name: str, chosen: Sequence[str] = (), suite: str = "") -> tuple[ShownCase, ...]:
    """The case of that id (or of an id that starts so) in each suite that has it.

    It is looked for in the runs that are named as `trueup compare` names them; without names in those of the latest
    evaluation, then in the newest run of each arm. `suite` is a part of a suite's name. Raises UsageError where there is no such
    case, with the nearest, or where several start so.
    """
    known: set[str] = set()
    for runs in _places(project, chosen):
        ids = {each.id for _, run in runs for named, cases in run.cases.items() for each in cases if suite in named}
        if matching := _matching(name, ids):
            return tuple(_shown(matching, runs, suite))
        known |= ids
    raise UsageError(f"no stored run has the case {name!r}", next=did_you_mean(name, known, "cases"))


def _places(project: Project, chosen: Sequence[str]) -> Iterator[list[tuple[str, Run]]]:
    """Runs with their ids, where to look first and where then."""
    if chosen:
        yield [(digest(run), run) for run in (run_of(project, each) for each in chosen)]
        return
    yield [(ident, project.store.artifacts.get("run", ident, Run)) for ident in _latest(project)]
    yield _newest_of_each_arm(project)


def _latest(project: Project) -> list[str]:
    known = project.recalled(LATEST, "evaluation", "evaluation")
    runs = project.store.artifacts.get("evaluation", known, EvaluationRuns).runs if known else ()
    return [ident for _, ident in runs if project.store.artifacts.has("run", ident)]


def _newest(project: Project, last: int) -> Iterator[tuple[str, Run]]:
    for ident in reversed(project.store.artifacts.ids("run")[-last:]):
        yield ident, project.store.artifacts.get("run", ident, Run)


def _newest_of_each_arm(project: Project) -> list[tuple[str, Run]]:
    newest: dict[str, tuple[str, Run]] = {}
    for ident, run in _newest(project, NEWEST):
        newest.setdefault(f"{run.arm.name} {sorted(run.cases)}", (ident, run))
    return list(newest.values())


def _line(ident: str, run: Run, latest: bool) -> StoredRun:
    return StoredRun(
        id=ident,
        arm=run.arm.name,
        at_ns=run.started_ns,
        when=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.started_ns / 1e9)),
        suites=tuple(suite.name for suite in run.suites),
        cases=len(run.results),
        errors=sum(bool(result.error) for result in run.results),
        skipped=sum(bool(result.skipped) for result in run.results),
        latest=latest,
    )


def _matching(name: str, ids: Iterable[str]) -> str:
    """The id itself, else the only one that starts so; empty when none does. Raises UsageError when several do."""
    alike = sorted(ident for ident in ids if name and ident.startswith(name))
    if name in alike or len(alike) == 1:
        return name if name in alike else alike[0]
    if alike:
        more = " and more" if len(alike) > 3 else ""
        raise UsageError(f"several cases start with {name!r}", next=f"one of {', '.join(alike[:3])}{more}")
    return ""


def _shown(case_id: str, runs: Sequence[tuple[str, Run]], suite: str) -> Iterator[ShownCase]:
    asked = {name: each for _, run in runs for name, cases in run.cases.items() for each in cases if each.id == case_id}
    for name in sorted(name for name in asked if suite in name):
        answers = [(ident, run, _results(run, name, case_id)) for ident, run in runs]
        yield ShownCase(
            suite=name,
            case=asked[name],
            answers=tuple(
                ShownAnswer(arm=run.arm.name, run=ident, prompt=run.arm.prompt.name, results=results)
                for ident, run, results in answers
                if results
            ),
        )


def _results(run: Run, suite: str, case_id: str) -> tuple[Result, ...]:
    return tuple(result for result in run.results if (result.suite, result.case_id) == (suite, case_id))
