"""Free the space of what nothing needs any more: `trueup prune`."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command()
@click.option(
    "--keep", default=10, show_default=True, type=click.IntRange(min=1), help="Verdicts and runs to keep whole."
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
def prune(project: "Project", keep: int, dry_run: bool, as_json: bool) -> dict[str, Any]:
    """Free the space of what nothing needs any more.

    What a promotion, a branch, the ledger or one of the last verdicts needs is kept, and every record of a verdict. Traces stay;
    to erase a person use trueup forget.

    \b
    Example: trueup prune --dry-run
    """
    from harness import prune
    from harness.cli import console

    items = prune.prune(project, keep, dry_run)
    count, size = Counter[str](), Counter[str]()
    for item in items:
        count[item.what] += 1
        size[item.what] += item.size
    total = sum(size.values())
    if not as_json:
        if items:
            rows = [(what, number, f"{size[what] / 1e6:,.1f} MB") for what, number in count.items()]
            console.table(("what", "count", "size"), rows)
        console.say(f"{'would free' if dry_run else 'freed'} {total / 1e6:,.1f} MB")
    return {"items": items, "bytes": total, "dry_run": dry_run}
