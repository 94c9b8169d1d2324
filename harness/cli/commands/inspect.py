"""Show which lever fits each failure cluster: `trueup inspect`."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import NO_CALLS, command

if TYPE_CHECKING:
    from harness.project import Project


@command()
@click.option("--top", default=20, type=click.IntRange(min=1), show_default=True, help="Clusters to show.")
def inspect(project: "Project", top: int, as_json: bool) -> dict[str, Any]:
    """What fails in the traces, and which lever fits.

    The levers: prompt, retrieval, environment or fine-tune.

    \b
    Example: trueup inspect
    """
    from harness.cli import console
    from harness.curate import step

    found = step.inspect(project)
    if not as_json and not found.calls:
        console.warn(NO_CALLS)
    elif not as_json:
        _say(found, top, console)
    return {"inspection": found}


def _say(found: Any, top: int, console: Any) -> None:
    days = [day for day in found.days if day]
    when = f" from {days[0]} to {days[-1]}" if len(days) > 1 else f" on {days[0]}" if days else ""
    console.say(f"{found.calls:,} calls{when}: {found.failed:,} failed, {found.passed:,} passed", style="bold")
    console.say(f"found by:    {_counts(found.detectors)}")
    if len(found.routes) > 1:
        console.say(f"routes:      {_counts({name or '(none)': count for name, count in found.routes.items()})}")
    console.say(f"targets:     {_counts(found.targets)}")
    levers = Counter(one.lever or "more targets" for one in found.clusters)
    console.say(f"clusters:    {_counts(dict(levers.most_common()))}\n")
    rows = [(len(one.call_ids), one.lever or "–", one.detector, one.label, one.evidence) for one in found.clusters]
    console.table(("calls", "lever", "detector", "what", "evidence"), rows[:top])
    if len(rows) > top:
        console.say(f"{len(rows) - top} smaller clusters are not shown; --top {len(rows)} shows all")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"
