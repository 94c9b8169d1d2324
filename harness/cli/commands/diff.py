"""Show what changed between two datasets: `trueup diff`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.curate.diff import DatasetChange
    from harness.project import Project


@command(changes=False)
@click.argument("old", default="")
@click.argument("new", default="")
@click.option("--rows", default=20, type=click.IntRange(min=1), show_default=True, help="Changed rows to show.")
def diff(project: "Project", old: str, new: str, rows: int, as_json: bool) -> dict[str, Any]:
    """What changed between two datasets, row by row.

    Without ids: the latest and the one before.

    \b
    Example: trueup diff           (last night and tonight)
             trueup diff 3fa9 81c2 (the starts of two ids)
    """
    from harness.cli import console
    from harness.curate import datasets
    from harness.curate.diff import KINDS

    before, after = datasets.pair(project, old, new)
    difference = datasets.compare(project, before, after)
    if not as_json:
        console.say(f"{before.id[:12]} -> {after.id[:12]}: {len(difference.changes):,} rows differ")
        if difference.changes:
            table = [
                (split, *(kinds.get(kind, 0) for kind in KINDS)) for split, kinds in sorted(difference.counts.items())
            ]
            console.table(("split", *KINDS), table)
            console.say()
            lines = [
                (change.kind, change.split, change.text[:60], _was(change)) for change in difference.changes[:rows]
            ]
            console.table(("", "split", "message", "target"), lines)
        if len(difference.changes) > rows:
            console.say(f"{len(difference.changes) - rows:,} more; --rows {len(difference.changes)} shows all")
    return {"old": before.id, "new": after.id, "counts": difference.counts, "changes": difference.changes}


def _was(change: "DatasetChange") -> str:
    both = [text[:60] for text in (change.before, change.after) if text]
    return " -> ".join(both)
