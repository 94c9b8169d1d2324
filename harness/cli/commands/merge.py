"""Merge the shards of an evaluation: `trueup merge`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command
from harness.cli.commands._means import show

if TYPE_CHECKING:
    from harness.project import Project


@command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
def merge(project: "Project", folders: tuple[Path, ...], as_json: bool) -> dict[str, Any]:
    """Join the shards of an evaluation into one.

    \b
    Example: trueup merge shard-1 shard-2
    """
    from harness.evaluate import shards

    return show(shards.merge(project, folders), as_json, kept=True)
