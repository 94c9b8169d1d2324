"""Show what the project holds: `trueup status`."""

from typing import TYPE_CHECKING, Any

from harness.cli.commands._command import command

if TYPE_CHECKING:
    from harness.project import Project


@command(changes=False)
def status(project: "Project", as_json: bool) -> dict[str, Any]:
    """What is stored, judged, promoted, and waits to be read.

    The records add up: each that was read has one fate.

    \b
    Example: trueup status --json
    """
    from harness.cli import console, status
    from harness.ingest import step

    facts, inbox = status.status(project), step.waiting(project)
    if not as_json:
        shown = [(key, value or "none yet") for key, value in facts.items() if not isinstance(value, dict)]
        console.table(("what", "value"), shown)
        if inbox["bytes"]:
            console.say(f"\n{inbox['bytes']:,} bytes received since {inbox['since']} wait in the inbox: trueup ingest")
        console.say()
        console.table(("records", "count"), [(name.replace("_", " "), n) for name, n in facts["records"].items()])
    return {**facts, "inbox": inbox}
