"""Write a summary for a pull request or a job page: the first screen and the worst cases, as Markdown."""

from collections.abc import Iterator

from msgspec.structs import replace

from harness.types import Story
from reports.parts.cases import CaseRow, case_rows, main_baseline
from reports.parts.costs import arm_costs, break_even, pays_off
from reports.parts.groups import clusters
from reports.parts.safe import markdown as safe
from reports.parts.summary import SuiteRow, Summary, summary
from reports.parts.words import MARKS, basis, number, percent, short_name

SUFFIX = ".md"
SHOWN = 10
"""Broken cases and clusters that a summary lists."""


def render(story: Story) -> bytes:
    """The whole summary, well under the 1 MB that hosts take. No line starts with text of a trace."""
    first, rows = summary(story), case_rows(story)
    parts = [
        head(first),
        suites(first),
        _checks(first),
        against(story),
        _clusters(story, rows),
        _costs(story, rows),
        _broken(story, rows),
    ]
    text = "\n\n".join("\n".join(lines) for part in parts if (lines := list(part)))
    return f"{text}\n".encode()


def head(first: Summary) -> Iterator[str]:
    """Verdict, why, and who was compared."""
    yield f"## {MARKS[first.outcome]} {first.outcome.capitalize()}: {safe(first.title)}"
    yield ""
    if first.net:
        yield f"**{safe(first.net)}**"
        yield ""
    yield f"**{safe(first.sentence)}**"
    yield ""
    yield f"Fixed {first.fixed:,}, broken {first.broken:,}. " + " · ".join(
        f"{safe(arm.arm)} {safe(arm.digest) or '–'}" for arm in first.identities
    )


def suites(first: Summary) -> Iterator[str]:
    """The table with a row for each suite."""
    if first.suites:
        yield f"| Suite | Role | {safe(first.baseline)} → {safe(first.candidate)} | Difference | Interval | Fixed | Broken | Cases | Finding |"
        yield "|---|---|---|---:|---|---:|---:|---:|---|"
    for row in first.suites:
        yield (
            f"| {safe(row.short)} | {row.role}: {row.asked} | {_means(row, first.baseline)} | {row.change(row.estimate)} "
            f"| {_interval(row)} | {row.fixed:,} | {row.broken:,} | {row.n:,} | {MARKS[row.outcome]} {_outcome(row)} |"
        )


def _means(row: SuiteRow, against: str) -> str:
    rival = f" (against {safe(row.baseline)})" if row.baseline != against else ""
    others = "".join(f", {safe(arm)} {row.mean(mean)}" for arm, mean in row.others.items())
    return f"{row.mean(row.baseline_mean)} → {row.mean(row.candidate_mean)}{rival}{others}"


def _interval(row: SuiteRow) -> str:
    return f"{row.change(row.low)} to {row.change(row.high)}" if row.low is not None else "–"


def _outcome(row: SuiteRow) -> str:
    return f"{row.outcome}, needs {row.needed:,} more" if row.needed else row.outcome


def _checks(first: Summary) -> Iterator[str]:
    if first.checks:
        yield "- " + ", ".join(
            f"{MARKS[check.outcome]} {safe(check.name)} {safe(check.value)}" for check in first.checks
        )


def against(story: Story) -> Iterator[str]:
    """What stands in the way: each finding with what it rests on and what to type next."""
    problems = [finding for finding in story.verdict.findings if finding.outcome in ("invalid", "fail", "unresolved")]
    for finding in problems[:SHOWN]:
        rests = safe("; ".join(basis(finding)))
        yield f"- {MARKS[finding.outcome]} {finding.rule}: {safe(finding.sentence)} *{rests}*" + (
            f" Next: {safe(finding.next)}" if finding.next else ""
        )
    if len(problems) > SHOWN:
        yield f"- and {len(problems) - SHOWN:,} more"


def _clusters(story: Story, rows: list[CaseRow]) -> Iterator[str]:
    worst = [group for group in clusters(story, rows) if group.broken or group.fixed][:SHOWN]
    if worst:
        yield "| Failure cluster | Broken | Fixed | Both fail | Cases |"
        yield "|---|---:|---:|---:|---:|"
    for group in worst:
        yield f"| {safe(group.label, 80)} | {group.broken:,} | {group.fixed:,} | {group.both_fail:,} | {group.cases:,} |"


def _costs(story: Story, rows: list[CaseRow]) -> Iterator[str]:
    costs, settings = arm_costs(story, rows), replace(story.cost, currency=safe(story.cost.currency))
    if even := break_even(story, costs):
        yield f"- {pays_off(even, settings)}"
    for cost in costs:
        saved = f", of which the judged arm saves {percent(cost.saved)}" if cost.saved and cost.saved > 0 else ""
        price = f", {settings.words(cost.price)} for 1,000 calls" if cost.price is not None else ""
        yield f"- {safe(cost.arm)}: {number(cost.input)} tokens in{saved}, {number(cost.output)} out, {number(cost.seconds)} s a call{price}"
    for name, part in ((run.arm.name, part) for run in story.runs for part in run.judged):
        yield f"- {safe(part.name)}, for {safe(name)}: {part.calls:,} calls, {number(part.input)} tokens in, {number(part.output)} out"


def _broken(story: Story, rows: list[CaseRow]) -> Iterator[str]:
    against = main_baseline(story)
    broken = [row for row in rows if row.status.get(against) == "broken"]
    if broken:
        yield f"<details><summary>Broken cases ({len(broken):,})</summary>"
        yield ""
    for row in broken[:SHOWN]:
        yield f"- {safe(short_name(row.suite))} {safe(row.id)}: {safe(row.case.text, 160)}"
    if broken:
        yield ""
        yield "</details>"
