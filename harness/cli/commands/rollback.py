"""`trueup rollback`."""

import os
from typing import Any

import click

from harness.cli.commands._command import command


@command()
@click.option("--by", default=lambda: os.environ.get("USER", ""), help="Who rolls back.")
def rollback(work: Any, by: str, as_json: bool) -> dict:
    """Move the alias back to what it was before.

    \b
    Example: trueup rollback
    """
    from harness.cli import console
    from harness.promote import step

    done = step.rollback(work, by=by)
    if not as_json:
        console.say(f"{done.alias} is back at {done.adapter[:12] or 'the base model'}")
    return {"alias": done.alias, "adapter": done.adapter, "previous": done.previous}
