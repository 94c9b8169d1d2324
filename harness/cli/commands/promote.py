"""Promote what was judged, or undo the last promotion: `trueup promote`."""

import os
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command()
@click.option("--by", default=lambda: os.environ.get("USER", ""), help="Who does it; your login name by default.")
@click.option("--undo", is_flag=True, help="Move the alias, and every deploy target, back to what it was before.")
def promote(project: "Project", by: str, undo: bool, as_json: bool) -> dict[str, Any]:
    """Move the alias, and every deploy target, to what was judged.

    That is an adapter, a prompt, a model or an endpoint. Refused unless the latest verdict is promote and was made under
    trueup.toml.

    \b
    Example: trueup promote --by ada
    Example: trueup promote --undo
    """
    from harness.cli import console
    from harness.promote import step

    done = step.rollback(project, by=by) if undo else step.promote(project, by=by)
    if not as_json and undo:
        console.say(f"{done.alias} is back at {project.served(done.adapter)}")
    elif not as_json:
        console.say(f"{done.alias} is now {project.served(done.adapter)} (before: {project.served(done.previous)})")
    served = {"serves": project.served(done.adapter)}
    return {"alias": done.alias, "adapter": done.adapter, "previous": done.previous, **served}
