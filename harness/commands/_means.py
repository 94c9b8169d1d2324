"""What `trueup eval` and `trueup merge` say of runs: a table of means, what judges are worth, and what went wrong."""

from typing import Any

from harness.commands._command import late
from harness.errors import Exit

COLUMNS = ("suite", "arm", "cases", "mean", "errors")


def show(runs: Any, as_json: bool) -> dict:
    """Arm name to run, as a table, and as what --json prints."""
    console, rows = late("console"), late("shelf").means(runs)
    problems = sorted({problem for run in runs.values() for problem in run.problems})
    judged = late("judging.words").sentences(runs.values())
    if not as_json:
        console.table(COLUMNS, rows)
        for line in judged:
            console.say(line)
    for problem in problems:
        console.warn(f"trueup: {problem}\n  next:  mend that, then run it again")
    means = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    return {"means": means, "judges": judged, **problems_of(problems)}


def problems_of(problems: list[str]) -> dict:
    """Files that could not be used, and the exit code for them; the others ran all the same."""
    return {"problems": problems, "exit_code": int(Exit.INVALID)} if problems else {"problems": []}
