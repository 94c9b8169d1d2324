"""Judge the latest evaluation, or a stored verdict again: `trueup gate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import command, conclude
from harness.cli.commands.notify import tell

if TYPE_CHECKING:
    from harness.project import Project
    from harness.types import Finding


@command()
@click.option("--candidate", default="", metavar="ARM", help="Judge this arm instead of [gate] candidate.")
@click.option(
    "--baseline", "baselines", multiple=True, metavar="ARM", help="Compare with this arm instead; may be repeated."
)
@click.option("--policy", type=click.Path(path_type=Path), help="Judge under the [gate] table of this file instead.")
@click.option(
    "--check",
    type=click.Path(path_type=Path),
    help="Compute a report.verdict.json again from its data, and say who made it.",
)
def gate(
    project: "Project",
    candidate: str,
    baselines: tuple[str, ...],
    policy: Path | None,
    check: Path | None,
    as_json: bool,
) -> dict[str, Any]:
    """Judge the latest runs again; generates nothing.

    The candidate is any arm that was evaluated: a fine-tune, a prompt, a model, an endpoint. A verdict on another candidate than
    that of trueup.toml is kept, so that trueup report shows it, and promotes nothing. A verdict under another policy is told and
    not kept.

    \b
    Example: trueup gate; echo $?
    Example: trueup gate --candidate next --baseline base
    Example: trueup gate --policy stricter.toml
    """
    from harness.cli import console
    from harness.core.ci_job import ci_job
    from harness.gate import branches, step
    from harness.gate import candidate as gate_candidate
    from harness.notify import step as notify
    from harness.notify import track

    if check is not None:
        verdict, origin = step.recomputed(check), step.origin(check)
    elif policy is not None:
        verdict = step.under(project, gate_candidate.named(step.read_policy(policy), candidate, baselines))
    else:
        verdict = step.gate(project, gate_candidate.named(project.config.gate, candidate, baselines))
        branches.remember(project, verdict, ci_job())
        tell(notify.tell(project, verdict))
        tell(track.track(project, verdict))
    if not as_json:
        for finding in verdict.findings:
            _say(finding)
        if check is not None:
            console.say(f"\nIts data give its verdict. {origin}")
    return conclude(verdict, as_json) | {"findings": verdict.findings}


def _say(finding: "Finding") -> None:
    """What a rule found, what it rests on, and what to type next."""
    from harness.cli import console
    from harness.core import plugins

    words = plugins.helper("reports", "parts.words")
    console.say(f"{words.MARKS[finding.outcome]} {finding.outcome:<10} {finding.rule:<12} {finding.sentence}")
    console.say(f"{'':26}{'; '.join(words.basis(finding))}", style="dim")
    if finding.next and finding.outcome not in ("pass", "info"):
        console.say(f"{'':26}next: {finding.next}")
