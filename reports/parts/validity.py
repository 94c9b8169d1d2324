"""Summarise whether the judgement can be trusted: errors, missing pairs, leaks, judges, noise, looks, waivers."""

from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

from harness.core.plugins import says
from harness.types import Finding, Story, Waiver
from reports.parts.judges import JudgeRow, judges
from reports.parts.words import short_name

WORST = ("invalid", "fail", "unresolved", "pass", "info")
"""Outcomes of findings and checks, the worst first."""
NEAR = 0.8
"""Similarity (Jaccard of 5-shingles) from which a held-out case counts as leaked into training."""


class Check(Struct):
    """One item of the validity strip."""

    name: str
    value: str
    outcome: str
    """pass, fail, unresolved, invalid or info."""
    sentence: str = ""


def checks(story: Story) -> list[Check]:
    """The items of the validity strip, problems first."""
    errors = {run.arm.name: sum(1 for result in run.results if result.error) for run in story.runs}
    total, missing = sum(errors.values()), _missing(story)
    problems = [*(p for run in story.runs for p in run.problems), *(p for c in story.comparisons for p in c.problems)]
    named = ", ".join(f"{arm} {count}" for arm, count in errors.items() if count)
    found = [
        Check("errors", str(total), "unresolved" if total else "pass", named or "every case ran in every arm"),
        Check("missing", str(missing), "unresolved" if missing else "pass", "pairs without a valid score on one side"),
        _leaks(story),
        _waived(story),
    ]
    found += _agreement(judges(story))
    if not any(finding.rule == "noise" for finding in story.verdict.findings):
        found.append(
            Check("noise (A/A)", "unmeasured", "info", "no arm was asked twice; [eval] control = true does it")
        )
    if problems:
        found.insert(0, Check("problems", str(len(problems)), "invalid", "; ".join(problems)))
    own = {check.name for check in found}
    found += [
        _from_finding(finding)
        for finding in story.verdict.findings
        if not finding.suite and finding.rule not in own and not says("rules", finding.rule, "ADVICE", False)
    ]
    return list({(check.name, check.value): check for check in reversed(found)}.values())[::-1]


def _missing(story: Story) -> int:
    lost = {(c.suite.name, p.case_id) for c in story.comparisons for p in c.pairs if None in (p.baseline, p.candidate)}
    return len(lost)


def _leaks(story: Story) -> Check:
    proof = story.dataset.leak_proof if story.dataset else ()
    if not proof:
        return Check("leaks", "not checked", "info", "no held-out set was mined for this run")
    near = [neighbour for neighbour in proof if neighbour.similarity >= NEAR]
    nearest = max(neighbour.similarity for neighbour in proof)
    return Check(
        "leaks", str(len(near)), "fail" if near else "pass", f"nearest training row at similarity {nearest:.2f}"
    )


def _agreement(rows: list[JudgeRow]) -> list[Check]:
    """The judge that agrees least with people; none where no model graded."""
    if not rows:
        return []
    worst = min(rows, key=lambda row: (WORST.index(row.outcome), row.kappa if row.kappa is not None else -1.0))
    value = "unlabelled" if not worst.labels else "undefined" if worst.kappa is None else f"{worst.kappa:.2f}"
    said = worst.problem or f"on {worst.labels} labelled answers; {worst.fooled} attacks fooled it"
    return [Check("judge kappa", value, worst.outcome, f"{short_name(worst.suite)}: {said}")]


def in_force(waiver: Waiver, story: Story) -> bool:
    """As the gate has it: the waiver names a case or a cluster, had not ended on the day of the judgement, and did not run for
    longer than the policy allows. Of a verdict whose judgement was not kept, the day is the later of its own and its runs'."""
    if not (waiver.case_id or waiver.cluster):
        return False
    try:
        end = date.fromisoformat(waiver.expires)
    except ValueError:
        return False
    today = _today(story)
    return today is None or (today <= end and end - today <= timedelta(days=longest_waiver(story)))


def longest_waiver(story: Story) -> float:
    """For how many days a waiver may run, by the policy."""
    most = says("rules", "waived", "DAYS", None)
    return float(most.of(story.policy)) if most is not None else 0.0


def _today(story: Story) -> date | None:
    if story.judgement is not None and story.judgement.today:
        return date.fromisoformat(story.judgement.today)
    judged = max([story.verdict.at_ns, *(run.started_ns for run in story.runs)])
    return datetime.fromtimestamp(judged / 1e9, tz=UTC).date() if story.verdict.at_ns else None


def _waived(story: Story) -> Check:
    live = sum(in_force(waiver, story) for waiver in story.waivers)
    idle = len(story.waivers) - live
    return Check(
        "waivers",
        str(live),
        "unresolved" if live else "pass",
        f"{idle} more count as none: ended, or for longer than is allowed" if idle else "",
    )


def _from_finding(finding: Finding) -> Check:
    counts = finding.counts
    if "looks" in counts and "allowed" in counts:
        value = f"{counts['looks']:g} of {counts['allowed']:g}"
    else:
        value = next((f"{v:g}" for v in counts.values()), finding.outcome)
    missing = next((name for name in ("guards", "targets") if counts.get(name) == 0), "")
    return Check(missing or finding.rule, value, finding.outcome, finding.sentence)
