"""Check guards: each must be shown to lose no more than its margin.

Pass when the lower bound of the difference is above minus the margin, fail when the upper bound is below it, unresolved
between. Every guard must hold, so no correction for their number is due (intersection-union test).
"""

from collections.abc import Iterator

from msgspec.structs import replace

from harness.gate import measure, wording
from harness.gate.context import Context
from harness.gate.rules import negative_control
from harness.gate.statistics.paired import Paired
from harness.gate.statistics.power import more_cases
from harness.types import Comparison, Finding, Guard

HARM = True
"""It finds something broken: of equal outcomes this comes before what was not gained."""
COMPARES = True
"""Its findings hold a difference of two arms, beside which A/A noise is shown."""


def findings(context: Context) -> Iterator[Finding]:
    cannot_fail = {suite for suite, *_ in negative_control.toothless(context)}
    for comparison in context.having(Guard):
        finding = judge(comparison, context)
        counts = finding.outcome != "pass" or comparison.suite.name not in cannot_fail
        yield finding if counts else replace(finding, outcome="info")


def judge(comparison: Comparison, context: Context) -> Finding:
    """The finding on one comparison whose suite is a guard, without its waived cases."""
    whole, comparison = comparison, context.unwaived(comparison)
    finding = measure.start("guard", comparison)
    waived = len(whole.pairs) - len(comparison.pairs)
    if waived:
        finding = replace(finding, counts=finding.counts | {"waived": waived})
    short = measure.too_few(finding, context.policy.min_cases)
    if short is not None:
        return short
    role, alpha = comparison.suite.role, context.alpha(comparison.suite.name)
    assert isinstance(role, Guard)
    if role.margin >= 1 and wording.is_rate(comparison):
        return _everything(finding, comparison)
    found, margin = measure.measure(comparison, alpha), role.margin
    p = found.above(-margin)
    finding = replace(measure.measured(finding, comparison, found, -margin, alpha), p_value=p)
    said, allowed = (
        wording.change(comparison, found.estimate, found.interval),
        wording.number(margin, wording.is_rate(comparison)),
    )
    if found.weakness:
        return measure.unresolvable(finding, said, found.weakness)
    if found.shows_below(-margin, alpha):
        text = f"{said}; a drop of at most {allowed} is allowed."
        p = found.below(-margin)
        return replace(finding, outcome="fail", p_value=p, sentence=text, next="trueup report --open")
    if found.shows_above(-margin, alpha):
        text = f"{said}; {_within(found, allowed)}."
        return measure.survives(replace(finding, outcome="pass", sentence=text), comparison, -margin, alpha)
    return _unresolved(finding, comparison, found, margin, f"{said}: a loss of {allowed} cannot be ruled out")


def _within(found: Paired, allowed: str) -> str:
    """Why a guard passes. What was allowed is no answer to a gain."""
    if found.estimate > 0:
        return f"a drop of more than {allowed} is ruled out"
    decline = ". It is a decline, within the margin" if found.interval.high < 0 else ""
    return f"a drop of up to {allowed} was allowed{decline}"


def _everything(finding: Finding, comparison: Comparison) -> Finding:
    """`margin=3` where three points were meant would let a model pass that gets everything wrong."""
    role, name = comparison.suite.role, wording.label(comparison.suite.name)
    assert isinstance(role, Guard)
    text = f"{name} has scores from 0 to 1, so a margin of {role.margin:g} would allow any loss at all."
    return replace(finding, outcome="invalid", sentence=text, next="write guard(margin=0.03) for three points")


def _unresolved(finding: Finding, comparison: Comparison, found: Paired, margin: float, said: str) -> Finding:
    if margin <= 0:
        return replace(
            finding, sentence=f"{said}, nor could any number of cases.", next="give the guard a margin above 0"
        )
    if found.estimate <= -margin:
        text = f"{said}, and more cases would sooner show it than rule it out."
        return replace(finding, sentence=text, next="trueup report --open")
    needed = more_cases(found.interval, int(finding.counts["n"]), -margin, 0.0)
    return replace(
        finding,
        sentence=f"{said}; needs about {needed:,} more cases if nothing truly changed.",
        counts=finding.counts | {"needed": needed},
        next=f"add cases to {wording.file(comparison)}, or widen its margin",
    )
