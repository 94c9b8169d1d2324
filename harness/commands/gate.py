"""`trueup gate`."""

from typing import Any

from harness.commands._command import command, conclude, late


@command()
def gate(work: Any, as_json: bool) -> dict:
    """Judge the latest runs under the policy of trueup.toml; generates nothing.

    \b
    Example: trueup gate; echo $?
    """
    return conclude(late("loop").gate(work), as_json)
