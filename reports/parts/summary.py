"""Compute the first screen as plain values: what HTML, Markdown, the terminal and JSON all show.

A reviewer decides from it in ten seconds: the verdict and why, who was compared, one row a suite with its interval
against its bound, and whether the judgement itself can be trusted.
"""

from collections.abc import Iterable
from pathlib import PurePath

from msgspec import Struct

from harness.core.plugins import says
from harness.types import Comparison, Contract, Finding, Guard, Role, Run, Story, Suite, Target, Verdict
from reports.parts.cases import candidate, main_baseline, status
from reports.parts.validity import WORST, Check, checks, in_force
from reports.parts.words import MEANING, asked, moment, number, percent, points, role_name, short_name


class Identity(Struct):
    """Who one arm is."""

    arm: str
    model: str
    digest: str
    """First 12 digits of the digest over weights, adapter, tokenizer, template, prompt and sampling."""
    prompt: str
    adapter: str = ""


class SuiteRow(Struct):
    """One suite: the difference of two arms, against what was asked of it."""

    suite: str
    short: str
    role: str
    """target, guard, contract, budget or info."""
    asked: str
    """What the role asks for, in words: `gain of 5 points or more`."""
    baseline: str
    candidate: str
    n: int
    baseline_mean: float | None
    candidate_mean: float | None
    estimate: float | None
    low: float | None
    high: float | None
    bound: float | None
    outcome: str
    fixed: int
    broken: int
    sentence: str
    needed: int = 0
    """Further cases that would resolve it, where it is unresolved."""
    formula: str = ""
    share: bool = True
    """Scores lie in 0..1, so differences read as percentage points."""
    noise: float | None = None
    """Share of cases that flip when the baseline is run against itself, where that was measured."""
    waivers: int = 0
    """Waivers in force on cases or clusters of this suite."""
    word: str = ""
    """The outcome as it is shown; of two runs that no gate judged, `changed` or `noise`."""
    level: float = 0.0
    """Of the interval; 0 without one."""
    others: dict[str, float] = {}
    """Of a target suite, the mean of every other arm that answered it: there the prompted one is a rival."""

    def change(self, value: float | None) -> str:
        """A difference as this suite counts it; for a budget, whose finding is of a mean, the mean."""
        return number(value) if self.role == "budget" else points(value, self.share)

    def mean(self, value: float | None) -> str:
        """A mean as this suite counts it."""
        return percent(value) if self.share else number(value)


class Summary(Struct):
    """All of the first screen."""

    title: str
    outcome: str
    meaning: str
    sentence: str
    """Why, without the outcome's name in front, which stands beside it."""
    net: str
    """The effect on production's traffic with its interval, or that it is not known; empty where nothing asks for it, and where
    the verdict's sentence says it."""
    at: str
    identities: list[Identity]
    suites: list[SuiteRow]
    checks: list[Check]
    fixed: int
    broken: int
    """Cases over all suites, against `baseline`."""
    baseline: str
    candidate: str
    """The arms that are compared, where a row does not say otherwise."""


def summary(story: Story) -> Summary:
    """The first screen of a story."""
    rows, against = suite_rows(story), main_baseline(story)
    main = [one for one in story.comparisons if one.baseline == against]
    became = [status(one.suite.role, pair) for one in main for pair in one.pairs]
    return Summary(
        title=story.title,
        outcome=story.verdict.outcome,
        meaning=MEANING[story.verdict.outcome],
        sentence=_why(story.verdict),
        net=_net(story.verdict),
        at=moment(story.verdict.at_ns),
        identities=[_identity(run, story) for run in story.runs],
        suites=rows,
        checks=checks(story),
        fixed=became.count("fixed"),
        broken=became.count("broken"),
        baseline=against,
        candidate=candidate(story),
    )


def _why(verdict: Verdict) -> str:
    why = verdict.sentence.removeprefix(f"{verdict.outcome.capitalize()}: ")
    return why[:1].upper() + why[1:]


def _net(verdict: Verdict) -> str:
    """What the rule says of the effect on traffic, of several baselines of the smallest."""
    effects = [finding for finding in verdict.findings if finding.rule == "net_effect" and finding.outcome != "info"]
    if not effects or "net effect on traffic" in verdict.sentence.casefold():
        return ""
    least = min(effects, key=lambda each: (each.interval is not None, each.interval.low if each.interval else 0.0))
    return least.sentence


def _identity(run: Run, story: Story) -> Identity:
    arm = run.arm
    shots = sum(message.role == "assistant" for message in arm.prompt.messages)
    examples = f" · {shots} examples" if shots else ""
    tuned = story.adapter.id[:12] if story.adapter and arm.name == candidate(story) else ""
    return Identity(
        arm=arm.name,
        model=PurePath(arm.model).name or arm.backend,
        digest=run.model_digest[:12],
        prompt="no prompt" if arm.prompt.name == "none" else f"{arm.prompt.name} prompt{examples}",
        adapter=tuned or (PurePath(arm.adapter).name[:12] if arm.adapter else ""),
    )


# ---------------------------------------------------------------- suites


def suite_rows(story: Story) -> list[SuiteRow]:
    """One row a suite: targets first, then guards, contracts, budgets; the worst first within each."""
    chosen: dict[str, tuple[Comparison, Finding | None]] = {}
    against = main_baseline(story)
    for comparison in sorted(story.comparisons, key=lambda c: c.baseline != against):
        finding = _finding(story, comparison)
        held = chosen.get(comparison.suite.name)
        if held is None or _rank(finding) < _rank(held[1]):
            chosen[comparison.suite.name] = comparison, finding
    rows = [_suite_row(story, *pair) for pair in chosen.values()]
    order = ("target", "guard", "contract", "budget", "info")
    return sorted(rows, key=lambda row: (order.index(row.role), WORST.index(row.outcome)))


def _finding(story: Story, comparison: Comparison) -> Finding | None:
    """The finding that decides a comparison: the worst of those that hold an interval or a bound."""
    found = [
        f
        for f in story.verdict.findings
        if f.suite == comparison.suite.name
        and not says("rules", f.rule, "ADVICE", False)
        and f.baseline in ("", comparison.baseline)
        and (f.bound is not None or f.interval is not None or f.outcome in ("fail", "invalid"))
    ]
    return min(found, key=_rank, default=None)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """What decided against a promotion before what did not; the order of the rules within each."""
    return sorted(findings, key=_rank)


def _rank(finding: Finding | None) -> int:
    return WORST.index(finding.outcome) if finding else len(WORST)


def _suite_row(story: Story, comparison: Comparison, finding: Finding | None) -> SuiteRow:
    suite, pairs = comparison.suite, [p for p in comparison.pairs if None not in (p.baseline, p.candidate)]
    statuses = [status(suite.role, pair) for pair in comparison.pairs]
    before, after = _means(story, comparison)
    estimate = after - before if before is not None and after is not None else None
    interval = finding.interval if finding else None
    return SuiteRow(
        suite=suite.name,
        short=short_name(suite.name),
        role=role_name(suite.role),
        asked=_asked(suite.role, finding),
        baseline=comparison.baseline,
        candidate=comparison.candidate,
        n=len(pairs),
        baseline_mean=before,
        candidate_mean=after,
        estimate=finding.estimate if finding and finding.estimate is not None else estimate,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        level=interval.level if interval else 0.0,
        bound=finding.bound if finding else None,
        outcome=finding.outcome if finding else "info",
        word=_word(story, finding),
        fixed=statuses.count("fixed"),
        broken=statuses.count("broken"),
        sentence=finding.sentence if finding else "measured; decides nothing",
        needed=int(finding.counts.get("needed", 0)) if finding else 0,
        formula=finding.formula if finding else "",
        share=all(0 <= v <= 1 for p in pairs for v in (p.baseline, p.candidate) if v is not None),
        noise=_noise(story, comparison),
        waivers=_waivers(story, suite),
        others=_others(story, comparison),
    )


def _means(story: Story, comparison: Comparison) -> tuple[float | None, float | None]:
    """Means of the cases that were judged, where they are known, so that they differ by what the finding says; else of all
    cases with both scores."""
    for mean in story.pair_means:
        if (mean.suite, mean.baseline, mean.candidate, mean.part) == (
            comparison.suite.name,
            comparison.baseline,
            comparison.candidate,
            "",
        ):
            return mean.before, mean.after
    pairs = [pair for pair in comparison.pairs if None not in (pair.baseline, pair.candidate)]
    return _mean([pair.baseline for pair in pairs]), _mean([pair.candidate for pair in pairs])


def _waivers(story: Story, suite: Suite) -> int:
    """Waivers in force on the suite; only guards and contracts can be waived."""
    if not isinstance(suite.role, (Guard, Contract)):
        return 0
    return sum(waiver.suite == suite.name and in_force(waiver, story) for waiver in story.waivers)


def _asked(role: Role, finding: Finding | None) -> str:
    """What the finding that is shown asks for: not every rule of a target asks for the suite's own gain."""
    if finding and (own := says("rules", finding.rule, "ASKS", "")):
        return own
    if finding and finding.rule == "target" and finding.bound is not None and isinstance(role, Target):
        return asked(Target(min_gain=round(finding.bound, 6)))
    return asked(role)


def _word(story: Story, finding: Finding | None) -> str:
    if finding and finding.rule == "difference":
        return "changed" if finding.counts.get("q", 1.0) <= story.policy.alpha else "noise"
    return finding.outcome if finding else "info"


def _others(story: Story, shown: Comparison) -> dict[str, float]:
    """Arm to its mean on a target suite, for the arms that are neither of the two compared."""
    if not isinstance(shown.suite.role, Target):
        return {}
    means = {
        one.baseline: _mean([pair.baseline for pair in one.pairs if pair.baseline is not None])
        for one in story.comparisons
        if one.suite.name == shown.suite.name and one.baseline != shown.baseline
    }
    return {arm: mean for arm, mean in means.items() if mean is not None}


def _noise(story: Story, comparison: Comparison) -> float | None:
    """Flips of the baseline against itself (A/A) on this suite, as a share of its cases."""
    for finding in story.verdict.findings:
        if (
            finding.rule == "noise"
            and finding.suite == comparison.suite.name
            and finding.baseline == comparison.baseline
        ):
            return finding.counts.get("flips", 0) / max(1, finding.counts.get("n", 1))
    return None


def _mean(values: list[float | None]) -> float | None:
    return sum(v for v in values if v is not None) / len(values) if values else None
