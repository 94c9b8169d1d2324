"""`trueup status`."""

from typing import Any

from harness.commands._command import command, late


@command(changes=False)
def status(work: Any, as_json: bool) -> dict:
    """What is stored, what waits to be read, the fate of every record, the latest verdict and what is promoted.

    \b
    Example: trueup status --json
    """
    facts, inbox, console = late("shelf").status(work), late("intake").waiting(work), late("console")
    if not as_json:
        console.table(("what", "value"), [(key, value) for key, value in facts.items() if not isinstance(value, dict)])
        if inbox["bytes"]:
            console.say(f"\n{inbox['bytes']:,} bytes received since {inbox['since']} wait in the inbox: trueup ingest")
        console.say()
        console.table(("records", "count"), facts["records"].items())
    return {**facts, "inbox": inbox}
