"""Promote the judged adapter: `trueup promote`."""

import os
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command()
@click.option("--by", default=lambda: os.environ.get("USER", ""), help="Who promotes.")
def promote(project: "Project", by: str, as_json: bool) -> dict[str, Any]:
    """Move the alias to the adapter that was judged.

    Refused unless the latest verdict is promote.

    \b
    Example: trueup promote --by ada
    """
    from harness.cli import console
    from harness.promote import step

    done = step.promote(project, by=by)
    if not as_json:
        console.say(f"{done.alias} is now {done.adapter[:12]} (before: {done.previous[:12] or 'the base model'})")
    return {"alias": done.alias, "adapter": done.adapter, "previous": done.previous}
