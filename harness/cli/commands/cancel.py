"""`trueup cancel`."""

from typing import Any

from harness.cli.commands._command import command


@command(changes=False)
def cancel(work: Any, as_json: bool) -> dict:
    """Cancel the tuning job at a provider (method = "hosted").

    \b
    Example: trueup cancel
    """
    from harness.cli import console
    from harness.tune import cancel

    status = cancel.cancel(work)
    if not as_json:
        console.say(f"the job's status: {status}")
    return {"status": status}
