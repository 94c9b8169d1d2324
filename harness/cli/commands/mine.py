"""Mine failures from the stored calls: `trueup mine`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import NO_CALLS, command

if TYPE_CHECKING:
    from harness.mine.cluster_states import Life
    from harness.mine.mined import Mined
    from harness.project import Project

BARS = "▁▂▃▄▅▆▇█"


@command()
@click.option("--top", default=20, type=click.IntRange(min=1), show_default=True, help="Clusters to show.")
@click.option("--html", type=click.Path(path_type=Path), help="Write all of them to this page, with examples.")
def mine(project: "Project", top: int, html: Path | None, as_json: bool) -> dict[str, Any]:
    """Find failures in the stored calls, and group them.

    Each group is followed from night to night.

    \b
    Example: trueup mine --top 10 --html out/clusters.html
    """
    from harness.cli import console
    from harness.core import codec, plugins
    from harness.curate import step as curate_step
    from harness.mine import cluster_history, step

    mined = step.mine(project)
    lives = cluster_history.follow(project)
    if not as_json and not mined.calls:
        console.warn(NO_CALLS)
    elif not as_json:
        _say(mined, lives, top)
    if html:
        data = plugins.helper("reports", "parts.clusters").render(
            project.config.project, cluster_history.with_examples(project, curate_step.inspect(project).clusters)
        )
        codec.write_atomic(html, data)
        console.warn(f"wrote {html}")
    return {
        "calls": mined.calls,
        "failures": len(mined.failures),
        "clusters": [life.cluster.id for life in lives],
        "states": {life.cluster.id: life.state for life in lives},
    }


def _say(mined: "Mined", lives: "Sequence[Life]", top: int) -> None:
    from harness.cli import console

    failed = len({failure.call_id for failure in mined.failures})
    console.say(f"{failed:,} of {mined.calls:,} calls failed, in {len(lives)} clusters", style="bold")
    routes = len({life.cluster.route for life in lives}) > 1
    rows = [
        (
            len(life.cluster.call_ids),
            life.cluster.detector,
            *([life.cluster.route] if routes else []),
            life.cluster.title,
        )
        + (sparks(life.trend), life.state, life.cluster.id[:8])
        for life in lives[:top]
    ]
    console.table(("calls", "detector", *(["route"] if routes else []), "what", "days", "state", "id"), rows)
    if len(lives) > top:
        console.say(f"{len(lives) - top} smaller clusters are not shown; --top {len(lives)} shows all")


def sparks(counts: tuple[int, ...]) -> str:
    """A day's failures as one bar each, the tallest of them full."""
    most = max(counts, default=0)
    return "".join(BARS[-(-count * (len(BARS) - 1) // most)] if count else " " for count in counts) if most else ""
