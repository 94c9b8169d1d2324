"""`trueup tune`."""

from typing import Any

from harness.commands._command import command, late


@command()
def tune(work: Any, as_json: bool) -> dict:
    """Train an adapter on the latest dataset; a killed training goes on where it was.

    \b
    Example: trueup tune
    """
    adapter, console = late("loop").tune(work), late("console")
    if not as_json:
        last = adapter.curve[-1].loss if adapter.curve else float("nan")
        console.say(f"adapter {adapter.id[:12]}: {adapter.steps} steps, last loss {last:.3f}, {adapter.seconds:.0f} s")
    return {"id": adapter.id, "steps": adapter.steps, "rows": adapter.rows, "seconds": adapter.seconds}
