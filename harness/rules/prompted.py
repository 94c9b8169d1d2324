"""Is the fine-tune needed at all? If prompting does as well within the margin, the verdict says: do not fine-tune for this.

A tie holds the promotion back, because prompting can be changed in a minute and taken back in another. Where the saving
in tokens is what the fine-tune is for, the policy says so with `prompted_tie = false`; then it is only told.
"""

from collections.abc import Iterator
from typing import Literal

from msgspec.structs import replace

from harness.rules import _measure as measure
from harness.rules import _words as words
from harness.rules._context import PROMPTED, Context
from harness.types import Comparison, Finding, Guard, Target


def findings(context: Context) -> Iterator[Finding]:
    arms = context.option("prompted_arms", [PROMPTED])
    for comparison in context.comparisons:
        asked = comparison.baseline in arms and comparison.baseline not in context.baselines
        if asked and isinstance(comparison.suite.role, Target) and len(measure.scored(comparison)) >= 2:
            yield _judge(comparison, context)


def _judge(comparison: Comparison, context: Context) -> Finding:
    margin, alpha = context.option("prompted_margin", Guard().margin), context.policy.alpha
    found = measure.measure(comparison, alpha)
    finding = measure.measured(measure.start("prompted", comparison), comparison, found, margin, alpha)
    said = words.change(comparison, found.estimate, found.interval)
    if len(measure.scored(comparison)) < context.policy.min_cases or found.weakness:
        return replace(finding, outcome="info", sentence=f"{said}; too few cases to say whether prompting would do.")
    p = found.below(margin)
    finding = replace(finding, p_value=p)
    if found.shows_below(margin, alpha):
        tie: Literal["fail", "info"] = "fail" if context.policy.prompted_tie else "info"
        text = f"{said}: prompting does as well within {words.amount(margin, words.is_rate(comparison))}, "
        return replace(
            finding,
            outcome=tie,
            sentence=f"{text}so do not fine-tune for this.",
            next="use the prompt; or set prompted_tie = false under [gate] if the saved tokens are the point",
        )
    return replace(finding, outcome="info", sentence=f"{said}: the fine-tune does what the prompt does not.")
