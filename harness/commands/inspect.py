"""`trueup inspect`."""

from typing import Any

from harness.commands._command import NOTHING, command, late


@command()
def inspect(work: Any, as_json: bool) -> dict:
    """What fails in the traces, and which lever fits.

    The levers: prompt, retrieval, environment or fine-tune.

    \b
    Example: trueup inspect
    """
    found, console = late("loop").inspect(work), late("console")
    if not as_json and not found.calls:
        console.say(NOTHING)
    elif not as_json:
        console.say(
            f"{found.calls:,} calls, {found.failed:,} failed, {found.corrected:,} corrected, {found.passed:,} passed"
        )
        rows = [(len(one.call_ids), one.lever, one.detector, one.label, one.evidence) for one in found.clusters]
        console.table(("calls", "lever", "detector", "what", "evidence"), sorted(rows, reverse=True)[:20])
    return {"inspection": found}
