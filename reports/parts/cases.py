"""Classify each case: its score under every arm, and its status against every baseline.

Every list of cases in any report, and every count made from one, comes from `case_rows`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from msgspec import Struct

from harness.core.repeats import FORM, MEAN, joined
from harness.types import Budget, Case, Comparison, Pair, Result, Role, Run, Story, Suite

STATUSES = ("broken", "worse", "fixed", "better", "failed", "both_fail", "both_pass", "error", "missing", "passed")
"""In the order a reviewer wants them. `better` and `worse` are changes of a number that cross no pass mark; `failed` and
`passed` are of a run that is compared with none."""


class CaseRow(Struct):
    """One case of one suite, over all arms."""

    suite: str
    id: str
    case: Case
    scores: dict[str, float | None]
    """Arm to its repeats joined (`harness.core.repeats`) on the suite's metric; None where it has no valid score."""
    status: dict[str, str]
    """Baseline arm to one of `STATUSES`; of a run that is compared with none, the empty name to one."""
    results: dict[str, tuple[Result, ...]]
    """Arm to its repeats, in order."""
    flaky: tuple[str, ...] = ()
    """Arms whose repeats of this case disagree on pass or fail."""
    slices: tuple[str, ...] = ()
    """`column=value` for each slice column of the suite."""

    @property
    def errors(self) -> dict[str, str]:
        """Arm to the first error among its repeats."""
        first = {arm: next((r.error for r in results if r.error), "") for arm, results in self.results.items()}
        return {arm: error for arm, error in first.items() if error}


def passes(role: Role, value: float) -> bool:
    """A budget passes at or below its limit, everything else at full score."""
    return value <= role.limit if isinstance(role, Budget) else value >= 1.0


def status(role: Role, pair: Pair) -> str:
    """One of `STATUSES` for one pair."""
    before, after = pair.baseline, pair.candidate
    if pair.baseline_error or pair.candidate_error:
        return "error"
    if before is None or after is None:
        return "missing"
    passed = passes(role, before), passes(role, after)
    if passed[0] != passed[1]:
        return "fixed" if passed[1] else "broken"
    if before != after and not isinstance(role, Budget):
        return "better" if after > before else "worse"
    return "both_pass" if passed[1] else "both_fail"


def main_baseline(story: Story) -> str:
    """The arm that the first screen compares with: the champion where there is one, else the policy's first."""
    known = [comparison.baseline for comparison in story.comparisons]
    for name in ("champion", *story.policy.baselines, *known):
        if name in known:
            return name
    return ""


def candidate(story: Story) -> str:
    """Name of the arm that is judged."""
    if story.comparisons:
        return story.comparisons[0].candidate
    return story.runs[-1].arm.name if story.runs else ""


def case_rows(story: Story) -> list[CaseRow]:
    """All cases of all suites, worst first: broken, then fixed, then the rest, each in the suite's order."""
    suites, cases = _suites(story.runs), _cases(story.runs)
    by_arm = {run.arm.name: _by_case(run.results) for run in story.runs}
    statuses = _statuses(story.comparisons)
    rows = [
        _row(suites[name], case, {arm: results.get((name, case.id), ()) for arm, results in by_arm.items()}, statuses)
        for name in suites
        for case in cases.get(name, ())
    ]
    order, against = {name: place for place, name in enumerate(STATUSES)}, main_baseline(story)
    if not story.comparisons:
        for row in rows:
            row.status = {"": _alone(suites[row.suite].role, row, candidate(story))}
    return sorted(rows, key=lambda row: order[row.status.get(against, "missing")])


def _alone(role: Role, row: CaseRow, arm: str) -> str:
    """What became of a case under one arm."""
    score = row.scores.get(arm)
    if row.errors.get(arm):
        return "error"
    return "missing" if score is None else "passed" if passes(role, score) else "failed"


def _row(
    suite: Suite, case: Case, results: dict[str, tuple[Result, ...]], statuses: dict[tuple[str, str], dict[str, str]]
) -> CaseRow:
    values = {arm: [r.score(suite.metric) for r in repeats] for arm, repeats in results.items()}
    return CaseRow(
        suite=suite.name,
        id=case.id,
        case=case,
        scores={arm: _joined(scores, suite.across) for arm, scores in values.items()},
        status=statuses.get((suite.name, case.id), {}),
        results=results,
        flaky=tuple(arm for arm, scores in values.items() if _disagree(suite.role, scores)),
        slices=tuple(_slices(suite, case)),
    )


def _slices(suite: Suite, case: Case) -> Iterator[str]:
    for column in suite.slices:
        try:
            value = case[column]
        except KeyError:
            continue
        yield f"{column}={value}"


def _joined(values: list[float | None], across: str) -> float | None:
    """The repeats in one number; by their mean where a stored run joins them in a way that there is not."""
    return joined([value for value in values if value is not None], across if FORM.fullmatch(across) else MEAN)


def _disagree(role: Role, values: list[float | None]) -> bool:
    return len({passes(role, value) for value in values if value is not None}) > 1


def _suites(runs: Iterable[Run]) -> dict[str, Suite]:
    suites: dict[str, Suite] = {}
    for run in runs:
        for suite in run.suites:
            suites.setdefault(suite.name, suite)
    return suites


def _cases(runs: Iterable[Run]) -> dict[str, tuple[Case, ...]]:
    by_suite: dict[str, tuple[Case, ...]] = {}
    for run in runs:
        for name, cases in run.cases.items():
            by_suite.setdefault(name, cases)
    return by_suite


def _by_case(results: Iterable[Result]) -> dict[tuple[str, str], tuple[Result, ...]]:
    grouped: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        grouped[result.suite, result.case_id].append(result)
    return {key: tuple(repeats) for key, repeats in grouped.items()}


def _statuses(comparisons: Iterable[Comparison]) -> dict[tuple[str, str], dict[str, str]]:
    statuses: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for comparison in comparisons:
        for pair in comparison.pairs:
            key = comparison.suite.name, pair.case_id
            statuses[key][comparison.baseline] = status(comparison.suite.role, pair)
    return statuses
