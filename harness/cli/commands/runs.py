"""List stored runs: `trueup runs`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project

COLUMNS = ("run", "arm", "when (UTC)", "suites", "cases", "errors", "")


@command(changes=False)
@click.option("--last", default=20, type=click.IntRange(min=1), show_default=True, help="How many of the newest.")
def runs(project: "Project", last: int, as_json: bool) -> dict[str, Any]:
    """The runs that are stored, the newest first.

    trueup compare takes two of these ids, trueup show CASE --run ID one.

    \b
    Example: trueup runs --last 5
    """
    from harness.cli import console
    from harness.gate import stored_runs

    lines = stored_runs.stored(project, last)
    if not as_json and not lines:
        console.warn("no runs are stored yet\n  next:  trueup eval")
    elif not as_json:
        console.table(
            COLUMNS,
            [
                (
                    line.id[:12],
                    line.arm,
                    line.when[:16].replace("T", " "),
                    ", ".join(name.rpartition("::")[2] for name in line.suites),
                    line.cases,
                    line.errors,
                    "latest" if line.latest else "",
                )
                for line in lines
            ],
        )
    return {"runs": lines}
