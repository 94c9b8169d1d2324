"""`trueup compare`."""

from typing import Any

import click

from harness.commands._command import command, late


@command(changes=False)
@click.argument("baseline")
@click.argument("candidate")
def compare(work: Any, baseline: str, candidate: str, as_json: bool) -> dict:
    """Two arms of the latest evaluation, suite by suite: what changed, and what is noise.

    \b
    Example: trueup compare base tuned
    """
    console = late("console")
    findings = late("shelf").differences(work, baseline, candidate)
    if not as_json:
        for finding in findings:
            console.say(f"{finding.suite}: {finding.sentence}")
    return {"findings": findings}
