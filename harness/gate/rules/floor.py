"""Require that a target beats the arm that gives the commonest training answer to everything.

Who does not has learnt how answers are spread, not what the message says. A gain over a base model that answers in the
wrong form is easily made of nothing else.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from harness.evaluate.arms import CONSTANT
from harness.gate import measure, wording
from harness.gate.context import Context
from harness.types import Comparison, Finding, Target

COMPARES = True
"""Its findings hold a difference of two arms, beside which A/A noise is shown."""
ASKS = "beat the most common answer"
"""What it asks of a suite, for the report."""


def findings(context: Context) -> Iterator[Finding]:
    for comparison in context.against(CONSTANT, Target) if context.fine_tuned else ():
        if CONSTANT not in context.baselines:
            yield _judge(comparison, context)


def _judge(comparison: Comparison, context: Context) -> Finding:
    finding = measure.start("floor", comparison)
    short = measure.too_few(finding, context.policy.min_cases)
    if short is not None:
        return short
    alpha = context.alpha(comparison.suite.name)
    found = measure.measure(comparison, alpha)
    p = max(found.above(0.0), found.gain())
    finding = replace(measure.measured(finding, comparison, found, 0.0, alpha), p_value=p)
    said = wording.change(comparison, found.estimate, found.interval)
    if found.weakness:
        return measure.unresolvable(finding, said, found.weakness)
    if found.shows_above(0.0, alpha) and p <= alpha:
        text = f"{said}: it has learnt more than the most common answer."
        return measure.survives(replace(finding, outcome="pass", sentence=text), comparison, 0.0, alpha)
    worse = found.shows_below(0.0, alpha) or found.estimate <= 0
    return replace(
        finding,
        outcome="fail" if worse else "unresolved",
        sentence=f"{said}: it is not shown to have learnt more than the most common training answer.",
        next="look at the training targets: trueup report --open",
    )
