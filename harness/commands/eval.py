"""`trueup eval`."""

from typing import Any

import click

from harness.commands._command import command, late
from harness.errors import Exit

COLUMNS = ("suite", "arm", "cases", "mean", "errors")


@command(changes=False)
@click.argument("select", default="")
@click.option("--model", "models", multiple=True, help="Arm to ask; may be given more than once. Default: all.")
@click.option("--dry-run", is_flag=True, help="List the cases and ask no model.")
def eval_(work: Any, select: str, models: tuple[str, ...], dry_run: bool, as_json: bool) -> dict:
    """Run the eval suites; SELECT narrows them as pytest's -k does: by file, suite, case, tag or owner.

    \b
    Example: trueup eval refunds --model tuned
    """
    shelf, console = late("shelf"), late("console")
    dataset, adapter = shelf.latest_or_none(work)
    if dry_run:
        return _list(late("loop").survey(work, select, dataset), as_json)
    runs = late("loop").evaluate(work, dataset, adapter, only=models, select=select)
    rows = shelf.means(runs)
    problems = sorted({problem for run in runs.values() for problem in run.problems})
    judged = late("judging.words").sentences(runs.values())
    if not as_json:
        console.table(COLUMNS, rows)
        for line in (*judged, *problems):
            console.say(line)
    means = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    return {"means": means, "judges": judged, **_problems(problems)}


def _list(found: Any, as_json: bool) -> dict:
    console = late("console")
    if not as_json:
        for suite in found.suites:
            ids = found.cases.get(suite.name, ())
            times = f" x {suite.repeats}" if suite.repeats > 1 else ""
            owner = f", {suite.owner}" if suite.owner else ""
            console.say(f"{suite.name} ({suite.role.__struct_config__.tag}{owner}): {len(ids):,} cases{times}")
            for ident in ids:
                console.say(f"  {ident}")
        for problem in found.problems:
            console.say(problem)
    return {"cases": found.cases, **_problems(list(found.problems))}


def _problems(problems: list[str]) -> dict:
    """Files that could not be used; the others ran all the same."""
    return {"problems": problems, "exit_code": int(Exit.INVALID)} if problems else {"problems": []}
