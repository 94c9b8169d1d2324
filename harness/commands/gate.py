"""`trueup gate`."""

from pathlib import Path
from typing import Any

import click

from harness.commands._command import command, conclude, late


@command()
@click.option("--policy", type=click.Path(path_type=Path), help="Judge under the [gate] table of this file instead.")
@click.option("--check", type=click.Path(path_type=Path), help="Compute a report.verdict.json again from its data.")
def gate(work: Any, policy: Path | None, check: Path | None, as_json: bool) -> dict:
    """Judge the latest runs again; generates nothing.

    A verdict under another policy is told and not kept: what promotes is trueup.toml.

    \b
    Example: trueup gate; echo $?
    Example: trueup gate --policy stricter.toml
    """
    verdicts = late("verdicts")
    if check is not None:
        return conclude(verdicts.recomputed(check), as_json)
    if policy is not None:
        return conclude(verdicts.under(work, verdicts.read_policy(policy)), as_json)
    return conclude(verdicts.judge(work), as_json)
