"""Write the reports of a verdict: `trueup report`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import Renamed, command

if TYPE_CHECKING:
    from harness.project import Project


@command(changes=False)
@click.option("--open", "open_", is_flag=True, help="Open it in a browser.")
@click.option(
    *("--form", "-f", "--format", "formats"),
    cls=Renamed,
    old=("--format",),
    multiple=True,
    help="html, md, junit, json, csv, verdict or github. Default: those of [report].",
)
@click.option("--history", is_flag=True, help="The page over all nights instead, with a page for each.")
def report(project: "Project", open_: bool, formats: tuple[str, ...], history: bool, as_json: bool) -> dict[str, Any]:
    """Write the latest verdict's report; print its first screen.

    \b
    Example: trueup report --open
    Example: trueup report --form csv
    """
    from harness import report
    from harness.cli import console

    if history:
        written = report.write_index(project)
    else:
        with project.progress.step("report"):
            written = report.write(project, project.latest_verdict(), formats)
    if not as_json:
        if not history:
            console.out.print(report.first_screen(project))
        for path in written:
            console.say(f"wrote {path}")
    if open_:
        click.launch(str(written[0]))
    return {"files": [str(path) for path in written]}
