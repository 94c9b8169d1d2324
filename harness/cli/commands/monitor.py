"""Check the last promotion against production: `trueup monitor`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command
from harness.errors import Exit

if TYPE_CHECKING:
    from harness.project import Project

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

    found = monitor.monitor(project, days, since)
    if not as_json:
        rows = [(MARKS[finding.outcome], finding.sentence) for finding in found.findings]
        console.table(("since then", "what"), rows)
        console.say(f"\n{found.sentence}", style="bold")
        for note in _notes(found):
            console.say(note)
        if found.next:
            console.say(f"next: {found.next}")
    return {"monitoring": found, "exit_code": int(EXIT[found.outcome])}


def _notes(found: Any) -> list[str]:
    before, after = found.models
    notes = [f"{found.before:,} calls before and {found.after:,} since are compared"]
    if any(found.environment):
        notes.append(
            f"left out, broken by the environment: {found.environment[0]:,} before, {found.environment[1]:,} since"
        )
    if found.unsettled:
        notes.append(f"left out, so new that feedback may still come: {found.unsettled:,}")
    if after and set(after) == set(before):
        notes.append(
            f"the traces name the same model before and since ({', '.join(after)}): make sure that the adapter serves"
        )
    return notes
