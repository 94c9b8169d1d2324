"""`trueup cancel`."""

from typing import Any

from harness.cli.commands._command import command, late


@command(changes=False)
def cancel(work: Any, as_json: bool) -> dict:
    """Cancel the tuning job at a provider (method = "hosted").

    \b
    Example: trueup cancel
    """
    status = late("tune.cancel").cancel(work)
    if not as_json:
        late("cli.console").say(f"the job's status: {status}")
    return {"status": status}
