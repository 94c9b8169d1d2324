"""Move, check and clear the store: `trueup store`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import SETTINGS, command
from harness.cli.commands.prune import prune

if TYPE_CHECKING:
    from harness.project import Project

SHOWN = 20


@click.group(context_settings=SETTINGS)
def store() -> None:
    """Move the store to a bucket or back, check it, free what nothing needs.

    \b
    Example: trueup store move .trueup s3://nightly/desk
    """


@store.command(context_settings=SETTINGS)
@click.argument("old", metavar="FROM")
@click.argument("new", metavar="TO")
def move(old: str, new: str) -> None:
    """Move the store to a bucket, back, or to another bucket.

    Each is a folder or an address: s3://bucket/folder, gs://..., az://... Credentials come from the environment. The old place
    then says where the store is, and is refused; a folder that moves to a bucket becomes its working copy.

    \b
    Example: trueup store move .trueup s3://nightly/desk
    """
    from harness.cli import console
    from harness.store import move as moving

    console.say(f"moved; now write {moving.move(old, new)}")


@command(changes=False)
def verify(project: "Project", as_json: bool) -> dict[str, Any]:
    """Read every stored file again, in the bucket too.

    Names those that are damaged or lost, and ends with 6 if any is. Prints the id of a store in a bucket.

    \b
    Example: trueup store verify
    """
    from harness.cli import console
    from harness.errors import Exit

    kept = project.store
    damaged = [*kept.verify(), *kept.origin.damaged(), *kept.lost()]
    if not as_json:
        for name in damaged[:SHOWN]:
            console.say(name)
        words = f"{len(damaged):,} damaged or lost" if damaged else "every stored file is as it was written"
        named = f'; its id, for [store] in trueup.toml: id = "{kept.origin.id}"' if kept.origin.id else ""
        console.say(f"{kept.place}: {words}{named}")
    code = int(Exit.STORAGE if damaged else Exit.PROMOTE)
    return {"store": kept.place, "id": kept.origin.id, "damaged": damaged, "exit_code": code}


store.add_command(verify)
store.add_command(prune, "gc")
