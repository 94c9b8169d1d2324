"""`trueup status`."""

from typing import Any

from harness.commands._command import command, late


@command(changes=False)
def status(work: Any, as_json: bool) -> dict:
    """What is stored, the fate of every record, the latest verdict and what is promoted.

    \b
    Example: trueup status --json
    """
    facts, console = late("shelf").status(work), late("console")
    if not as_json:
        console.table(("what", "value"), [(key, value) for key, value in facts.items() if not isinstance(value, dict)])
        console.say()
        console.table(("records", "count"), facts["records"].items())
    return facts
