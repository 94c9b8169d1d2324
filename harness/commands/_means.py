"""What `trueup eval` and `trueup merge` say of runs: means, what it took, what judges are worth, and what went wrong."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from harness.commands._command import late
from harness.errors import Exit

COLUMNS = ("suite", "arm", "cases", "mean", "errors")
SPENT = ("replies of", "calls", "cached", "tokens in", "tokens out", "seconds", "cost")
REASONS = 3
"""Reasons of an arm's errors that are shown, the commonest first."""


def show(runs: Any, as_json: bool) -> dict:
    """Arm name to run, as tables, and as what --json prints."""
    console, rows = late("console"), late("shelf").means(runs)
    problems = sorted({problem for run in runs.values() for problem in run.problems})
    judged = late("judging.words").sentences(runs.values())
    spent = [tuple(getattr(one, name) for name in one.__struct_fields__) for one in _spent(runs)]
    if not as_json:
        console.table(COLUMNS, rows)
        console.table(SPENT, spent)
        for line in judged:
            console.say(line)
    unmeasured = any(errors and not cases for _, _, cases, _, errors in rows)
    reasons = list(_reasons(runs.values()))
    for line in reasons:
        console.warn(f"trueup: {line}")
    for problem in problems:
        console.warn(f"trueup: {problem}\n  next:  mend that, then run it again")
    means, costs = (
        [dict(zip(names, row, strict=True)) for row in of] for names, of in ((COLUMNS, rows), (SPENT, spent))
    )
    return {"means": means, "spent": costs, "judges": judged, "errors": reasons, **problems_of(problems, unmeasured)}


def _spent(runs: Any) -> Any:
    return late("evalrun.spending").of_runs(runs.values())


def _reasons(runs: Iterable[Any]) -> Iterable[str]:
    """Why cases are errors, counted: a number in a table does not say what to mend."""
    for run in runs:
        told = Counter(result.error for result in run.results if result.error)
        for error, count in told.most_common(REASONS):
            yield f"{count:,} {'case is an error' if count == 1 else 'cases are errors'} under {run.arm.name}: {error}"
        if len(told) > REASONS:
            yield f"{len(told) - REASONS:,} more reasons under {run.arm.name}: pytest with --model {run.arm.name} shows them"


def problems_of(problems: list[str], unmeasured: bool = False) -> dict:
    """Files that could not be used, and the exit code for them; the others ran all the same.

    `unmeasured`: a suite has errors and nothing else, which is no success either.
    """
    code = {"exit_code": int(Exit.INVALID)} if problems or unmeasured else {}
    return {"problems": problems, **code}
