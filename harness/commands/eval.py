"""`trueup eval`."""

from typing import Any

import click

from harness.commands._command import command, late


@command(changes=False)
@click.argument("select", default="")
@click.option("--model", "models", multiple=True, help="Arm to ask; may be given more than once. Default: all.")
def eval_(work: Any, select: str, models: tuple[str, ...], as_json: bool) -> dict:
    """Run the eval suites; SELECT narrows them as pytest's -k does.

    \b
    Example: trueup eval refunds --model tuned
    """
    shelf, console = late("shelf"), late("console")
    dataset, adapter = shelf.latest_or_none(work)
    runs = late("loop").evaluate(work, dataset, adapter, only=models, select=select)
    rows = shelf.means(runs)
    if not as_json:
        console.table(("suite", "arm", "cases", "mean", "errors"), rows)
    return {"means": [dict(zip(("suite", "arm", "cases", "mean", "errors"), row, strict=True)) for row in rows]}
