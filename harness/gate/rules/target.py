"""Check targets: each must improve by more than nothing, and by at least its `min_gain`.

Both are shown, never assumed: exact McNemar (or sign flips) for a gain at all, and the score interval above `min_gain`.
Against the champion any shown gain will do; the policy's option `champion_gain` asks for more. With `targets = "any"`
one of several suites is enough, and Holm's correction pays for the choice; but none may be shown to have become worse.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from harness.gate import measure, wording
from harness.gate import options as gate_options
from harness.gate.context import Context
from harness.gate.statistics.multiple import holm
from harness.gate.statistics.paired import Paired
from harness.gate.statistics.power import more_cases
from harness.types import Comparison, Finding, Target

COMPARES = True
"""Its findings hold a difference of two arms, beside which A/A noise is shown."""
CHAMPION_GAIN = gate_options.number("champion_gain", 0.0)
OPTIONS = (CHAMPION_GAIN,)


def findings(context: Context) -> Iterator[Finding]:
    found = [_judge(one, _bound(one, context), context) for one in context.having(Target)]
    yield from _any(found, context) if context.policy.targets == "any" else found


def _bound(comparison: Comparison, context: Context) -> float:
    role = comparison.suite.role
    assert isinstance(role, Target)
    return role.min_gain if comparison.baseline == context.baselines[0] else float(CHAMPION_GAIN.of(context.policy))


def _judge(comparison: Comparison, bound: float, context: Context) -> Finding:
    finding = measure.start("target", comparison)
    short = measure.too_few(finding, context.policy.min_cases)
    if short is not None:
        return short
    if bound >= 1 and wording.is_rate(comparison):
        return _unreachable(finding, comparison, bound)
    alpha = context.alpha(comparison.suite.name)
    found = measure.measure(comparison, alpha)
    p = max(found.above(bound), found.gain())
    finding = replace(measure.measured(finding, comparison, found, bound, alpha), p_value=p)
    said, asked = (
        wording.change(comparison, found.estimate, found.interval),
        wording.amount(bound, wording.is_rate(comparison)),
    )
    if found.weakness:
        return measure.unresolvable(finding, said, found.weakness)
    if found.shows_below(bound, alpha):
        why = f"but a gain of {asked} is asked for" if found.estimate > 0 else "so it does not improve"
        p = found.below(bound)
        return replace(finding, outcome="fail", p_value=p, sentence=f"{said}, {why}.", next="trueup report --open")
    if found.shows_above(bound, alpha) and p <= alpha:
        return measure.survives(
            replace(finding, outcome="pass", sentence=f"{said}; a gain of {asked} was asked for."),
            comparison,
            bound,
            alpha,
        )
    return _unresolved(finding, comparison, found, bound, said)


def _unreachable(finding: Finding, comparison: Comparison, bound: float) -> Finding:
    """`min_gain=5` where five points were meant: nothing could ever be promoted."""
    text = f"{wording.label(comparison.suite.name)} has scores from 0 to 1, so no model can gain {bound:g}."
    return replace(finding, outcome="invalid", sentence=text, next="write target(min_gain=0.05) for five points")


def _unresolved(finding: Finding, comparison: Comparison, found: Paired, bound: float, said: str) -> Finding:
    asked = wording.amount(bound, wording.is_rate(comparison))
    if found.estimate <= bound:
        return replace(
            finding,
            sentence=f"{said}: whether it reaches {asked} is not known, and more cases alone will hardly show it.",
            next="trueup mine"
            if comparison.suite.mined
            else "change the candidate: the report shows what it still gets wrong",
        )
    needed = more_cases(found.interval, int(finding.counts["n"]), bound, found.estimate)
    return replace(
        finding,
        sentence=f"{said}: not yet shown to be above {asked}; needs about {needed:,} more cases.",
        counts=finding.counts | {"needed": needed},
        next=f"add cases to {wording.file(comparison)}",
    )


def _any(found: list[Finding], context: Context) -> Iterator[Finding]:
    """Holm over suites; a suite's p is its largest over the baselines, since it must hold against each, made larger by as
    much as this look may err less than all looks together."""
    alpha = context.policy.alpha
    by_suite: dict[str, list[Finding]] = {}
    for finding in found:
        by_suite.setdefault(finding.suite, []).append(finding)
    largest = {
        suite: max(1.0 if one.p_value is None or one.outcome == "fail" else one.p_value for one in group)
        for suite, group in by_suite.items()
    }
    shares = {suite: min(1.0, p * alpha / context.alpha(suite)) for suite, p in largest.items()}
    adjusted = dict(zip(shares, holm(list(shares.values())), strict=True))
    won = {suite for suite, p in adjusted.items() if p <= alpha and all(f.outcome == "pass" for f in by_suite[suite])}
    for finding in found:
        finding = replace(finding, counts=finding.counts | {"holm_p": adjusted[finding.suite]})
        lost = finding.outcome == "fail" and finding.interval is not None and finding.interval.high < 0
        if finding.suite in won or finding.outcome == "invalid" or lost:
            yield finding
        elif won:
            yield replace(
                finding, outcome="info", sentence=f"{finding.sentence} Another target improved, which is enough."
            )
        elif finding.outcome == "pass":
            yield replace(
                finding,
                outcome="unresolved",
                sentence=f"{finding.sentence} Not clear enough for one of several targets.",
            )
        else:
            yield finding
