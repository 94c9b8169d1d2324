"""`trueup mine`."""

from typing import Any

import click

from harness.commands._command import command, late


@command()
@click.option("--top", default=20, show_default=True, help="Clusters to show.")
def mine(work: Any, top: int, as_json: bool) -> dict:
    """Find failures in the stored calls and group them.

    \b
    Example: trueup mine --top 10
    """
    mined, console = late("loop").mine(work), late("console")
    ranked = sorted(mined.clusters, key=lambda cluster: -len(cluster.call_ids))[:top]
    if not as_json:
        rows = [(len(one.call_ids), one.detector, one.route, one.label, one.id[:8]) for one in ranked]
        console.table(("calls", "detector", "route", "what", "id"), rows)
    return {"calls": mined.calls, "failures": len(mined.failures), "clusters": [one.id for one in mined.clusters]}
