"""Write the page of a run: `trueup view`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command(changes=False)
@click.argument("run", default="", metavar="[RUN]")
@click.option("--open", "open_", is_flag=True, help="Open it in a browser.")
def view(project: "Project", run: str, open_: bool, as_json: bool) -> dict[str, Any]:
    """Write the page of a stored run, with every case.

    RUN is an arm, or the start of a run's id as trueup runs lists them. Without it the page is of all arms that were
    evaluated last, side by side. It needs no gate, and no other run.

    \b
    Example: trueup view --open
    Example: trueup view tuned
    """
    from harness import report
    from harness.cli import console

    with project.progress.step("report"):
        path = report.write_view(project, run)
    if not as_json:
        console.say(f"wrote {path}")
    if open_:
        click.launch(str(path))
    return {"file": str(path)}
