"""Judge a canary: harm shown, held for long enough, or undecided and why.

Of each metric (a share of calls that failed, erred, got a thumb down, were flagged by a guard, were slow or costly) the difference of
the arms has a confidence sequence, valid at every look; the metrics share alpha equally. Harm is shown where one of them is worse
beyond doubt: `slow` and `costly` by more than `SLACK`, the others by anything. The canary held where no harm is shown, `failures` is
beyond doubt not worse by `most_harm`, and it ran for its days with its calls. No number here depends on when one looks.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

from harness.gate.statistics.randomized import Effect, effect, paired_effect, wrong_split
from harness.mine.mined import Mined
from harness.promote.canary_units import DAY_NS, CallReader, CanaryUnits, gather
from harness.promote.served_by import is_shadow
from harness.types import Call, Canary, CanaryMetric, Feedback, Finding, Noun

SLACK: dict[CanaryMetric, float] = {"slow": 0.1, "costly": 0.1}
"""By what a share may rise: of calls slower than nine in ten were, 20 % in place of 10 %."""
WORDS: dict[CanaryMetric, str] = {
    "failures": "failed calls",
    "errors": "calls with an error",
    "thumbs_down": "thumbs down of rated calls",
    "guards": "calls that a guard detector flags",
    "slow": "slow calls",
    "costly": "costly calls",
}
QUANTILE = 0.9
LEAST_BEFORE = 100
"""Calls before the start, below which nothing says what is slow or costly."""
SPLIT_ALPHA = 0.001
"""Chance that a right split is called wrong, over all looks."""
STALE_NS = 2 * DAY_NS
"""Age of the newest call beyond which traces do not come in any more."""
EXPECTED = 10.0
"""Sessions that the candidate should have got: with none of them, its traffic has dried up."""
EARLY_SHARE = 0.05
"""Share of the candidate's calls from before the start beyond which the clocks have to be set right first."""

Outcome = Literal["harm", "held", "undecided", "none"]


class CanaryReport(Noun, frozen=True):
    outcome: Outcome
    """none: no canary was ever started."""
    sentence: str
    next: str = ""
    """What to type or do next; empty when nothing is to be done."""
    canary: Canary | None = None
    ended: str = ""
    """rolled back, stopped or finished; empty while it runs."""
    findings: tuple[Finding, ...] = ()
    """One for each metric that can be compared. `pass`: harm is ruled out; `fail`: harm is shown."""
    open: tuple[str, ...] = ()
    """What is missing before it may be finished."""
    days: float = 0.0
    """Since its start, as far as the traces go."""
    calls: dict[str, int] = {}
    """Arm to its calls since the start."""
    people: dict[str, int] = {}
    """Arm to the people a day that are compared."""
    waiting: int = 0
    """People whose day is not over."""
    left_out: dict[str, int] = {}
    unknown: dict[str, int] = {}
    """Calls of neither arm, by the digest or the model that answered."""
    notes: tuple[str, ...] = ()
    offline: str = ""
    """What the verdict said."""


def thresholds(calls: Iterable[Call], start_ns: int) -> tuple[float | None, float | None]:
    """Seconds and output tokens that nine in ten of the calls before the start stayed under; None where too few tell."""
    before = [call for call in calls if 0 < call.start_ns < start_ns and call.error is None and not is_shadow(call)]
    return (
        _quantile([call.seconds for call in before if call.seconds is not None]),
        _quantile([float(call.usage.output) for call in before if call.usage.output is not None]),
    )


def judge(
    calls: Iterable[Call],
    feedback: Iterable[Feedback],
    mined: Mined,
    canary: Canary,
    newest_ns: int,
    offline: str = "",
    now_ns: int = 0,
) -> CanaryReport:
    """`calls` in order of time, `feedback` with its `call_id` resolved. `newest_ns`: how far the traces go, now at the latest."""
    seen = gather(calls, CallReader(canary, mined, feedback), canary, newest_ns)
    findings = tuple(_findings(seen, canary))
    days = max(0.0, (newest_ns - canary.start_ns) / DAY_NS)
    harm = [finding for finding in findings if finding.outcome == "fail"]
    doubts = tuple(_doubts(seen, canary, now_ns - newest_ns))
    missing = (*doubts, *_unproven(seen, canary, findings, days))
    outcome: Outcome = "harm" if harm else "undecided" if missing else "held"
    return CanaryReport(
        outcome=outcome,
        sentence=_sentence(outcome, harm or findings, missing),
        next=_next(outcome, bool(doubts)),
        canary=canary,
        findings=findings,
        open=missing,
        days=days,
        calls=dict(seen.calls),
        people=_people(seen, canary),
        waiting=seen.waiting,
        left_out={why: number for why, number in seen.left_out.items() if number},
        unknown=dict(seen.unknown.most_common()),
        notes=tuple(_notes(seen, canary)),
        offline=offline,
    )


# ---------------------------------------------------------------- what is compared


def _findings(seen: CanaryUnits, canary: Canary) -> Iterator[Finding]:
    level = canary.alpha / len(canary.metrics)
    for metric in canary.metrics:
        compared = _effect(seen, canary, metric, level)
        if min(compared.units):
            yield _finding(metric, compared, canary)


def _effect(seen: CanaryUnits, canary: Canary, metric: CanaryMetric, level: float) -> Effect:
    if canary.shadow:
        both = [(ours[metric], theirs[metric]) for ours, theirs in seen.pairs if metric in ours and metric in theirs]
        return paired_effect([ours for ours, _ in both], [theirs for _, theirs in both], level)
    told = [unit for unit in seen.units if metric in unit.values]
    return effect([unit.is_candidate for unit in told], [unit.values[metric] for unit in told], canary.share, level)


def _finding(metric: CanaryMetric, compared: Effect, canary: Canary) -> Finding:
    low, high, slack = compared.interval.low, compared.interval.high, SLACK.get(metric, 0.0)
    bound = slack or canary.most_harm
    ours, theirs = compared.units
    return Finding(
        rule="canary",
        suite="",
        metric=metric,
        outcome="fail" if low > slack else "pass" if high < bound else "unresolved",
        sentence=f"{WORDS[metric]}: {compared.candidate:.1%} of the candidate's ({ours:,} people), {compared.control:.1%} of the "
        f"control's ({theirs:,}); {compared.estimate * 100:+.1f} points [{low * 100:+.1f}, {high * 100:+.1f}]",
        baseline="control",
        candidate="candidate",
        estimate=compared.estimate,
        bound=slack if low > slack else bound,
        interval=compared.interval,
        p_value=compared.p_harm,
        formula=compared.formula,
        counts={"candidate": ours, "control": theirs, "blocks": compared.blocks},
    )


# ---------------------------------------------------------------- what is missing


def _unproven(seen: CanaryUnits, canary: Canary, findings: Iterable[Finding], days: float) -> Iterator[str]:
    """What more of the same traffic will bring."""
    if days < canary.days:
        yield f"it has run for {days:.1f} of {canary.days:g} days"
    own = seen.calls["candidate"]
    if own < canary.least_calls:
        yield f"the candidate has answered {own:,} of {canary.least_calls:,} calls"
    main = next((finding for finding in findings if finding.metric == canary.metrics[0]), None)
    if main is None:
        yield f"{WORDS[canary.metrics[0]]} cannot be compared yet"
    elif main.outcome == "unresolved" and main.interval:
        yield (
            f"{WORDS[canary.metrics[0]]} may still be worse by {main.interval.high * 100:.1f} points, and "
            f"{canary.most_harm * 100:g} must be ruled out"
        )


def _doubts(seen: CanaryUnits, canary: Canary, behind_ns: int) -> Iterator[str]:
    """What waiting does not change: the traffic is not what was asked for. `behind_ns`: age of the newest call."""
    if behind_ns > STALE_NS:
        yield f"the newest call is {behind_ns / DAY_NS:.1f} days old, so what came since is not known"
    yield from _dried_up(seen, canary)
    own = seen.calls["candidate"]
    if seen.early > EARLY_SHARE * max(own, 1):
        yield (
            f"{seen.early:,} calls of the candidate are from before the start, so the clock of what traces them is behind; "
            f"set the clocks right, then stop and start again"
        )
    if not canary.shadow:
        p_value = wrong_split([unit.is_candidate for unit in seen.units], canary.share)
        if p_value < SPLIT_ALPHA:
            ours = sum(unit.is_candidate for unit in seen.units) / len(seen.units)
            yield (
                f"the candidate got {ours:.1%} of people where {canary.share:.1%} was set (p {p_value:.2g}), so the arms are not alike; "
                f"check the gateway and that both arms are traced"
            )


def _dried_up(seen: CanaryUnits, canary: Canary) -> Iterator[str]:
    expected = seen.fresh * canary.share / (1 if canary.shadow else 1 - canary.share)
    if expected >= EXPECTED:
        began = "has dried up" if seen.calls["candidate"] else "never came"
        yield (
            f"the candidate's traffic {began}: since then {seen.fresh:,} sessions began at the control, and about {expected:.0f} were to "
            f"begin at the candidate; check the gateway, its configuration and the model's name"
        )


def _notes(seen: CanaryUnits, canary: Canary) -> Iterator[str]:
    if seen.unknown:
        names = ", ".join(f"{name} ({number:,})" for name, number in seen.unknown.most_common(3))
        yield (
            f"{seen.unknown.total():,} calls were answered by neither arm and are not compared: {names}; "
            f"[canary] control names models that mean the control"
        )
    if seen.early:
        yield f"{seen.early:,} calls of the candidate are from before the start, by the clock of what traced them"
    for metric in ("slow", "costly"):
        if metric in canary.metrics and (canary.slow_s if metric == "slow" else canary.costly_tokens) is None:
            yield f"{WORDS[metric]} are not compared: fewer than {LEAST_BEFORE} calls from before the start say what is usual"


# ---------------------------------------------------------------- in words


def _sentence(outcome: Outcome, findings: Iterable[Finding], missing: Iterable[str]) -> str:
    first = next(iter(findings), None)
    if outcome == "harm" and first:
        return f"Harm is shown: {first.sentence}."
    if outcome == "held" and first:
        return f"No harm, and enough was seen: {first.sentence}."
    return f"Undecided: {next(iter(missing))}."


def _next(outcome: Outcome, in_doubt: bool) -> str:
    if outcome == "held":
        return "trueup canary finish"
    return (
        "trueup canary stop, unless the traffic can be repaired"
        if in_doubt
        else "trueup ingest, then trueup canary status"
    )


def _people(seen: CanaryUnits, canary: Canary) -> dict[str, int]:
    if canary.shadow:
        return {"candidate": len(seen.pairs), "control": len(seen.pairs)}
    own = sum(unit.is_candidate for unit in seen.units)
    return {"candidate": own, "control": len(seen.units) - own}


def _quantile(values: list[float]) -> float | None:
    ordered = sorted(values)
    return ordered[int(QUANTILE * (len(ordered) - 1))] if len(ordered) >= LEAST_BEFORE else None
