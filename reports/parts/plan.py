"""Render the page of a run that stopped before training: what is missing, how to get it, and which calls to label."""

from collections.abc import Iterator

from harness.types import DecisionPlan
from reports.parts.page import page
from reports.parts.safe import markdown as safe
from reports.parts.words import moment, number, short_name

LONGEST = 200
"""Characters of what was asked."""


def html(plan: DecisionPlan) -> bytes:
    """One HTML file without any script."""
    return page("plan.html.j2", plan=plan, longest=LONGEST)


def markdown(plan: DecisionPlan) -> bytes:
    """The same for a pull request or a job page. No line starts with text of a trace."""
    return "\n".join([*_head(plan), *_suites(plan), *_ways(plan), *_calls(plan), ""]).encode()


def _head(plan: DecisionPlan) -> Iterator[str]:
    yield f"## Stopped before training: {safe(plan.title)}"
    yield ""
    yield f"**{safe(plan.sentence)}**"
    yield ""
    yield f"This is no verdict: nothing was trained or judged. {moment(plan.at_ns)}"


def _suites(plan: DecisionPlan) -> Iterator[str]:
    if not plan.findings:
        return
    yield from ("", "| suite | cases | more needed | power now |", "|---|--:|--:|--:|")
    for finding in plan.findings:
        counts = finding.counts
        cells = (number(int(counts["n"])), number(int(counts["needed"])), f"{counts['power']:.0%}")
        yield f"| {safe(short_name(finding.suite))} | {' | '.join(cells)} |"


def _ways(plan: DecisionPlan) -> Iterator[str]:
    yield from ("", "### How to get there", "")
    for way in plan.ways:
        yield f"- {safe(way.what)} <code>{safe(way.command)}</code>"


def _calls(plan: DecisionPlan) -> Iterator[str]:
    if not plan.calls:
        return
    yield from ("", "### Calls to label next", "", "| asked | why | call |", "|---|---|---|")
    for call in plan.calls:
        yield f"| {safe(call.asked, LONGEST)} | {safe(call.reason)} | {safe(call.call_id)} |"
