"""Check the last promotion against production: `trueup monitor`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command
from harness.errors import Exit

if TYPE_CHECKING:
    from harness.project import Project
    from harness.promote.monitor_stage import Monitoring

EXIT = {"confirmed": Exit.PROMOTE, "contradicted": Exit.HOLD, "open": Exit.UNDECIDED}
MARKS = {"pass": "better", "fail": "worse", "unresolved": "not clear", "info": ""}


@command()
@click.option("--days", default=14.0, show_default=True, help="How far back the calls before the promotion may lie.")
@click.option("--since", default="", help="When the adapter was deployed, if later than its promotion: 2026-03-31.")
def monitor(project: "Project", days: float, since: str, as_json: bool) -> dict[str, Any]:
    """Say whether production confirmed the last promotion.

    The calls since then are held against those before it. Exit code 0 confirmed, 1 contradicted, 3 open.

    \b
    Example: trueup ingest exports/ && trueup monitor --days 7
    """
    from harness.cli import console
    from harness.promote import monitor

    monitoring = monitor.monitor(project, days, since)
    if not as_json:
        rows = [(MARKS[finding.outcome], finding.sentence) for finding in monitoring.findings]
        console.table(("since then", "what"), rows)
        console.say(f"\n{monitoring.sentence}", style="bold")
        for note in _notes(monitoring):
            console.say(note)
        if monitoring.next:
            console.say(f"next: {monitoring.next}")
    return {"monitoring": monitoring, "exit_code": int(EXIT[monitoring.outcome])}


def _notes(monitoring: "Monitoring") -> list[str]:
    before, after = monitoring.models
    notes = [f"{monitoring.before:,} calls before and {monitoring.after:,} since are compared"]
    if any(monitoring.environment):
        notes.append(
            f"left out, broken by the environment: {monitoring.environment[0]:,} before, {monitoring.environment[1]:,} since"
        )
    if monitoring.unsettled:
        notes.append(f"left out, so new that feedback may still come: {monitoring.unsettled:,}")
    if after and set(after) == set(before):
        notes.append(
            f"the traces name the same model before and since ({', '.join(after)}): make sure that the adapter serves"
        )
    return notes
