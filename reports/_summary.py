"""The first screen, as plain values: what HTML, Markdown, the terminal and JSON all show.

A reviewer decides from it in ten seconds: the verdict and why, who was compared, one row a suite with its interval
against its bound, and whether the judgement itself can be trusted.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import PurePath

from msgspec import Struct

from harness.types import Comparison, Finding, Role, Run, Story, Target, Verdict, Waiver
from reports._cases import candidate, main_baseline, status
from reports._words import MEANING, asked, moment, number, percent, points, role_name, short_name

_WORST = ("invalid", "fail", "unresolved", "pass", "info")
_ADVICE = ("slices", "noise")
"""Rules whose intervals are of something else than the suite's difference."""
NEAR = 0.8
"""Similarity (Jaccard of 5-shingles) from which a held-out case counts as leaked into training."""


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
    others: dict[str, float] = {}
    """Of a target suite, the mean of every other arm that answered it: there the prompted one is a rival."""

    def change(self, value: float | None) -> str:
        """A difference as this suite counts it; for a budget, whose finding is of a mean, the mean."""
        return number(value) if self.role == "budget" else points(value, self.share)

    def mean(self, value: float | None) -> str:
        """A mean as this suite counts it."""
        return percent(value) if self.share else number(value)


class Check(Struct):
    """One item of the validity strip."""

    name: str
    value: str
    outcome: str
    """pass, fail, unresolved, invalid or info."""
    sentence: str = ""


class Summary(Struct):
    """All of the first screen."""

    title: str
    outcome: str
    meaning: str
    sentence: str
    """Why, without the outcome's name in front, which stands beside it."""
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
        at=moment(story.verdict.at_ns),
        identities=[_identity(run, story) for run in story.runs],
        suites=rows,
        checks=list(_checks(story)),
        fixed=became.count("fixed"),
        broken=became.count("broken"),
        baseline=against,
        candidate=candidate(story),
    )


def _why(verdict: Verdict) -> str:
    why = verdict.sentence.removeprefix(f"{verdict.outcome.capitalize()}: ")
    return why[:1].upper() + why[1:]


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
    return sorted(rows, key=lambda row: (order.index(row.role), _WORST.index(row.outcome)))


def _finding(story: Story, comparison: Comparison) -> Finding | None:
    """The finding that decides a comparison: the worst of those that hold an interval or a bound."""
    found = [
        f
        for f in story.verdict.findings
        if f.suite == comparison.suite.name
        and f.rule not in _ADVICE
        and f.baseline in ("", comparison.baseline)
        and (f.bound is not None or f.interval is not None or f.outcome in ("fail", "invalid"))
    ]
    return min(found, key=_rank, default=None)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """What decided against a promotion before what did not; the order of the rules within each."""
    return sorted(findings, key=_rank)


def _rank(finding: Finding | None) -> int:
    return _WORST.index(finding.outcome) if finding else len(_WORST)


def _suite_row(story: Story, comparison: Comparison, finding: Finding | None) -> SuiteRow:
    suite, pairs = comparison.suite, [p for p in comparison.pairs if None not in (p.baseline, p.candidate)]
    statuses = [status(suite.role, pair) for pair in comparison.pairs]
    before, after = _mean([p.baseline for p in pairs]), _mean([p.candidate for p in pairs])
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
        waivers=sum(waiver.suite == suite.name and in_force(waiver, story) for waiver in story.waivers),
        others=_others(story, comparison),
    )


def _asked(role: Role, finding: Finding | None) -> str:
    """What the finding that is shown asks for: not every rule of a target asks for the suite's own gain."""
    if finding and finding.rule == "floor":
        return "beat the commonest answer"
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


# ---------------------------------------------------------------- can it be trusted


def _checks(story: Story) -> list[Check]:
    errors = {run.arm.name: sum(1 for result in run.results if result.error) for run in story.runs}
    total, missing = sum(errors.values()), _missing(story)
    problems = [*(p for run in story.runs for p in run.problems), *(p for c in story.comparisons for p in c.problems)]
    named = ", ".join(f"{arm} {count}" for arm, count in errors.items() if count)
    checks = [
        Check("errors", str(total), "unresolved" if total else "pass", named or "every case ran in every arm"),
        Check("missing", str(missing), "unresolved" if missing else "pass", "pairs without a valid score on one side"),
        _leaks(story),
        _waived(story),
    ]
    if not any(finding.rule == "noise" for finding in story.verdict.findings):
        checks.append(
            Check("noise (A/A)", "unmeasured", "info", "no arm was asked twice; [eval] control = true does it")
        )
    if problems:
        checks.insert(0, Check("problems", str(len(problems)), "invalid", "; ".join(problems)))
    own = {check.name for check in checks}
    checks += [_from_finding(f) for f in story.verdict.findings if not f.suite and f.rule not in own]
    return checks


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


def in_force(waiver: Waiver, story: Story) -> bool:
    """True when the waiver names a case or a cluster and had not expired on the day of the verdict."""
    if not (waiver.case_id or waiver.cluster):
        return False
    try:
        end = date.fromisoformat(waiver.expires)
    except ValueError:
        return False
    return not story.verdict.at_ns or datetime.fromtimestamp(story.verdict.at_ns / 1e9, tz=UTC).date() <= end


def _waived(story: Story) -> Check:
    live = sum(in_force(waiver, story) for waiver in story.waivers)
    expired = len(story.waivers) - live
    return Check(
        "waivers",
        str(live),
        "unresolved" if live else "pass",
        f"{expired} expired, counting as none" if expired else "",
    )


def _from_finding(finding: Finding) -> Check:
    counts = finding.counts
    if "looks" in counts and "allowed" in counts:
        value = f"{counts['looks']:g} of {counts['allowed']:g}"
    else:
        value = next((f"{v:g}" for v in counts.values()), finding.outcome)
    return Check(finding.rule, value, finding.outcome, finding.sentence)
