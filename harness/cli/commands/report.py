"""`trueup report`."""

from typing import Any

import click

from harness.cli.commands._command import command

SHORT = {"md": "markdown"}


@command(changes=False)
@click.option("--open", "open_", is_flag=True, help="Open it in a browser.")
@click.option(
    "--format",
    "-f",
    "formats",
    multiple=True,
    help="html, md, junit, json, csv, verdict or github. Default: those of [report].",
)
@click.option("--history", is_flag=True, help="The page over all nights instead, with a page for each.")
def report(work: Any, open_: bool, formats: tuple[str, ...], history: bool, as_json: bool) -> dict:
    """Write the latest verdict's report; print its first screen.

    \b
    Example: trueup report --open
    Example: trueup report --format csv
    """
    from harness import project, report
    from harness.cli import console

    if history:
        written = report.write_index(work)
    else:
        names = [SHORT.get(name, name) for name in formats]
        with work.watch.step("report"):
            written = report.write(work, project.latest_verdict(work), names)
    if not as_json:
        if not history:
            console.out.print(report.first_screen(work))
        for path in written:
            console.say(f"wrote {path}")
    if open_:
        click.launch(str(written[0]))
    return {"files": [str(path) for path in written]}
