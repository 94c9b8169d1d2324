"""`trueup forget`."""

from typing import Any

import click

from harness.commands._command import command, late


@command()
@click.option("--user", default="", help="User id whose calls are erased.")
@click.option("--trace", default="", help="Trace id whose calls are erased.")
def forget(work: Any, user: str, trace: str, as_json: bool) -> dict:
    """Erase a user's or a trace's calls and feedback, and name the datasets that hold them.

    \b
    Example: trueup forget --user customer-0007
    """
    gone, held = late("loop").forget(work, user, trace)
    console = late("console")
    if not as_json:
        console.say(f"{len(gone)} calls erased from the table")
        for dataset in held:
            console.say(f"dataset {dataset[:12]} holds some of them: remove it and what was trained on it")
    return {"calls": gone, "datasets": held}
