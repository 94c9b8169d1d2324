"""Show which lever fits each failure cluster: `trueup inspect`."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from harness.cli.commands._command import NO_CALLS, command

if TYPE_CHECKING:
    from harness.curate.levers import Inspection
    from harness.mine.runs import RunSurvey, WrongRun
    from harness.project import Project


SUSPECT = 0.05
"""Share of good calls that are flagged from which one of the two, detector or praise, is wrong."""


@command()
@click.option("--top", default=20, type=click.IntRange(min=1), show_default=True, help="Clusters, or runs, to show.")
@click.option("--runs", is_flag=True, help="Show the runs of agents that went wrong, with the first wrong step.")
def inspect(project: "Project", top: int, runs: bool, as_json: bool) -> dict[str, Any]:
    """What fails in the traces, and which lever fits.

    The levers: prompt, retrieval, environment or fine-tune.

    \b
    Example: trueup inspect
    """
    from harness.cli import console, feedback_table
    from harness.curate import step
    from harness.mine import step as mine_step

    if runs:
        survey = mine_step.survey(project)
        if not as_json:
            _say_runs(survey, top)
        return {"runs": survey}

    inspection = step.inspect(project)
    summary = project.feedback_summary()
    if not as_json and not inspection.calls:
        console.warn(NO_CALLS)
    elif not as_json:
        _say(inspection, top)
        feedback_table.show(summary)
    return {"inspection": inspection, "feedback_read": feedback_table.plain(summary)}


def _say(inspection: "Inspection", top: int) -> None:
    from harness.cli import console

    days = [day for day in inspection.days if day]
    when = f" from {days[0]} to {days[-1]}" if len(days) > 1 else f" on {days[0]}" if days else ""
    console.say(
        f"{inspection.calls:,} calls{when}: {inspection.failed:,} failed, {inspection.passed:,} passed", style="bold"
    )
    console.say(f"found by:    {_counts(inspection.detectors)}")
    if len(inspection.routes) > 1:
        console.say(f"routes:      {_counts({name or '(none)': count for name, count in inspection.routes.items()})}")
    console.say(f"targets:     {_counts(inspection.targets)}")
    _say_detectors(inspection)
    levers = Counter(cluster.lever or "more targets" for cluster in inspection.clusters)
    console.say(f"clusters:    {_counts(dict(levers.most_common()))}\n")
    rows = [
        (len(cluster.call_ids), cluster.lever or "–", cluster.detector, cluster.title, cluster.evidence)
        for cluster in inspection.clusters
    ]
    console.table(("calls", "lever", "detector", "what", "evidence"), rows[:top])
    if len(rows) > top:
        console.say(f"{len(rows) - top} smaller clusters are not shown; --top {len(rows)} shows all")


def _say_runs(survey: "RunSurvey", top: int) -> None:
    from harness.cli import console

    if not survey.runs:
        console.warn("no call uses a tool, so there are no runs of agents; next: trueup inspect, for single calls")
        return
    unknown = survey.runs - survey.succeeded - survey.failed
    console.say(
        f"{survey.runs:,} runs of {survey.steps:,} steps: {survey.succeeded:,} succeeded, {survey.failed:,} failed, "
        f"{unknown:,} without feedback",
        style="bold",
    )
    rows = [
        (run.id, f"{run.wrong_step or '?'} of {run.steps}", _outcome(run), run.reason or "the trace does not show it")
        for run in survey.wrong
    ]
    console.table(("run", "wrong step", "outcome", "why"), rows[:top])
    if len(rows) > top:
        console.say(f"{len(rows) - top} more runs are not shown; --top {len(rows)} shows all")


def _outcome(run: "WrongRun") -> str:
    return "–" if run.outcome is None else f"{run.outcome:g} by {run.outcome_by}"


def _say_detectors(inspection: "Inspection") -> None:
    """Each detector with the share of good calls that it flags: what it says of the others is worth as much."""
    from harness.cli import console

    names = sorted(
        {*inspection.detectors, *inspection.flagged_good}, key=lambda name: (-inspection.detectors.get(name, 0), name)
    )
    if not inspection.good or not names:
        return
    rows = []
    for name in names:
        flagged = inspection.flagged_good.get(name, 0)
        doubt = "doubtful: never decides alone" if name in inspection.doubtful else ""
        if not doubt and flagged > SUSPECT * inspection.good:
            doubt = "finds what people corrected, so check the praise by hand"
        rows.append((name, inspection.detectors.get(name, 0), f"{flagged:,} ({flagged / inspection.good:.1%})", doubt))
    console.table(("detector", "calls", f"of {inspection.good:,} praised or confirmed", ""), rows)
    console.say()


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"
