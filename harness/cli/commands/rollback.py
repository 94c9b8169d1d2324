"""Undo the last promotion: `trueup rollback`."""

import os
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command()
@click.option("--by", default=lambda: os.environ.get("USER", ""), help="Who rolls back.")
def rollback(project: "Project", by: str, as_json: bool) -> dict[str, Any]:
    """Move the alias, and every deploy target, back to what it was before.

    \b
    Example: trueup rollback
    """
    from harness.cli import console
    from harness.promote import step

    done = step.rollback(project, by=by)
    if not as_json:
        console.say(f"{done.alias} is back at {project.served(done.adapter)}")
    served = {"serves": project.served(done.adapter)}
    return {"alias": done.alias, "adapter": done.adapter, "previous": done.previous, **served}
