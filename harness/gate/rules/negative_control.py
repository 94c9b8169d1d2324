"""Name each guard that cannot fail: one that an arm which always gives the same answer passes as often as the base does.

Such a suite asks nothing of the model, so it is told, and is no guard that held (`harness.gate.stage` leaves its passes
out). A guard that was shown to have lost more than its margin still fails.
"""

from collections.abc import Iterator

from harness.evaluate.arms import FIXED
from harness.gate import units, wording
from harness.gate.context import Context
from harness.types import Comparison, Finding, Guard


def findings(context: Context) -> Iterator[Finding]:
    for suite, arm, base, fixed in toothless(context):
        name = wording.label(suite)
        yield Finding(
            rule="negative_control",
            suite=suite,
            outcome="info",
            sentence=f"{name} does not count as a guard: the arm {arm}, which gives one answer to everything, scores "
            f"{fixed:.3g} on it and the base {base:.3g}.",
            baseline=arm,
            counts={"base": base, "fixed": fixed},
            formula="mean",
            next="check that the eval function returns its score and can give 0"
            if base
            else "the base passes none of its cases: check what is expected, and whether replies are cut off",
        )


def toothless(context: Context) -> Iterator[tuple[str, str, float, float]]:
    """Each guard that cannot fail: suite, the arm that shows it, the mean of the first baseline and of that arm."""
    if not context.baselines:
        return
    base = {one.suite.name: _mean(one) for one in context.against(context.baselines[0], Guard)}
    told = set()
    for arm in FIXED:
        for comparison in context.against(arm, Guard):
            name, fixed = comparison.suite.name, _mean(comparison)
            known = base.get(name)
            if fixed is not None and known is not None and fixed >= known and name not in told:
                told.add(name)
                yield name, arm, known, fixed


def _mean(comparison: Comparison) -> float | None:
    values = [pair.baseline or 0.0 for pair in units.scored(comparison)]
    return sum(values) / len(values) if values else None
