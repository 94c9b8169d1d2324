"""Promote what was judged: `trueup promote`."""

import os
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command()
@click.option("--by", default=lambda: os.environ.get("USER", ""), help="Who promotes.")
def promote(project: "Project", by: str, as_json: bool) -> dict[str, Any]:
    """Move the alias, and every deploy target, to what was judged.

    That is an adapter, a prompt, a model or an endpoint. Refused unless the latest verdict is promote and was made under
    trueup.toml.

    \b
    Example: trueup promote --by ada
    """
    from harness.cli import console
    from harness.promote import step

    done = step.promote(project, by=by)
    if not as_json:
        console.say(f"{done.alias} is now {project.served(done.adapter)} (before: {project.served(done.previous)})")
    served = {"serves": project.served(done.adapter)}
    return {"alias": done.alias, "adapter": done.adapter, "previous": done.previous, **served}
