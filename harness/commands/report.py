"""`trueup report`."""

from typing import Any

import click

from harness.commands._command import command, late


@command(changes=False)
@click.option("--open", "open_", is_flag=True, help="Open it in a browser.")
def report(work: Any, open_: bool, as_json: bool) -> dict:
    """Write the report of the latest verdict, and print its first screen.

    \b
    Example: trueup report --open
    """
    loop, console = late("loop"), late("console")
    written = loop.report(work)
    if not as_json:
        console.out.print(late("shelf").first_screen(work))
        for path in written:
            console.say(f"wrote {path}")
    if open_:
        click.launch(str(written[0]))
    return {"files": [str(path) for path in written]}
