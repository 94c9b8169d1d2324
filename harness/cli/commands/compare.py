"""Compare two runs side by side: `trueup compare`."""

from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import Renamed, command

if TYPE_CHECKING:
    from harness.gate.contrast import Contrast
    from harness.project import Project
    from harness.types import Finding


@command(changes=False)
@click.argument("baseline")
@click.argument("candidate")
@click.option(
    "--page",
    "--html",
    "page",
    cls=Renamed,
    old=("--html",),
    is_flag=True,
    help="Write a page of the two beside the report, with every case.",
)
def compare(project: "Project", baseline: str, candidate: str, page: bool, as_json: bool) -> dict[str, Any]:
    """Two runs: what changed, what is noise, what was left out.

    BASELINE and CANDIDATE are arms of the latest evaluation, or the first digits of a stored run's id.

    \b
    Example: trueup compare base tuned --page
    """
    from harness import report
    from harness.cli import console
    from harness.gate import runs

    contrast = runs.differences(project, baseline, candidate)
    verdict = runs.verdict_command(project, baseline, candidate)
    written = str(report.write_comparison(project, baseline, candidate)) if page else ""
    if not as_json:
        _say(contrast)
        if written:
            console.say(f"wrote {written}")
        console.say(f"\nThis describes and decides nothing. For a verdict: {verdict}")
    lists = {"changed": contrast.changed, "noise": contrast.noise, "left_out": contrast.left_out}
    return {**lists, "page": written, "next": verdict}


def _say(contrast: "Contrast") -> None:
    from harness.cli import console

    for finding in contrast.changed:
        console.say(finding.sentence, style="bold")
        console.say(f"    {_counts(finding)}", style="dim")
    if not contrast.changed:
        console.say("Nothing changed that is not noise.")
    for title, findings in (("Noise, not significant", contrast.noise), ("Left out", contrast.left_out)):
        if findings:
            console.say(f"\n{title} ({len(findings)}):")
            for finding in findings:
                console.say(f"  {finding.sentence}")


def _counts(finding: "Finding") -> str:
    """`0.084 -> 0.812, n 500, broken 4, fixed 368, q < 0.001, A/A 3 of 500 flip; tango_exact`."""
    counts = finding.counts
    parts = [f"{counts['before']:.4g} -> {counts['after']:.4g}", f"n {counts['n']:g}"]
    names = {"b": "broken", "c": "fixed", "clusters": "clusters"}
    parts += [f"{word} {counts[key]:g}" for key, word in names.items() if key in counts]
    parts.append(f"q {counts['q']:.3f}" if counts["q"] >= 0.001 else "q < 0.001")
    if "aa_n" in counts:
        parts.append(f"A/A {counts['aa_flips']:g} of {counts['aa_n']:g} flip")
    return f"{', '.join(parts)}; {finding.formula}"
