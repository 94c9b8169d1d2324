"""Show where within a suite the difference is. Slices decide nothing, since among many some look bad by
chance; the false discovery rate of those shown is held at 10 %. Benjamini and Hochberg (1995), JRSS B 57:289."""

from collections.abc import Iterator

from msgspec.structs import replace

from harness.gate import measure, units, wording
from harness.gate.context import Context
from harness.gate.statistics.multiple import benjamini_hochberg
from harness.types import Comparison, Finding

ADVICE = True
"""Its intervals are of something else than the suite's difference: they decide nothing."""
FALSE_DISCOVERY = 0.10
FEWEST = 5
"""Scored cases below which a slice is not looked at."""


def findings(context: Context) -> Iterator[Finding]:
    views = [view for one in context.comparisons if one.baseline in context.baselines for view in _slices(one)]
    if not views:
        return
    found = [measure.measure(comparison, context.policy.alpha) for _, comparison in views]
    adjusted = benjamini_hochberg([one.below(0.0) for one in found])
    for (name, comparison), one, q in zip(views, found, adjusted, strict=True):
        if q <= FALSE_DISCOVERY:
            finding = measure.measured(measure.start("slices", comparison), comparison, one, 0.0, context.policy.alpha)
            yield replace(
                finding,
                outcome="info",
                sentence=f"Within {name}, {wording.change(comparison, one.estimate, one.interval)}.",
                counts=finding.counts | {"q": q},
                next="trueup report --open",
            )


def _slices(comparison: Comparison) -> Iterator[tuple[str, Comparison]]:
    for name in sorted({name for pair in comparison.pairs for name in pair.slices}):
        part = replace(comparison, pairs=tuple(pair for pair in comparison.pairs if name in pair.slices))
        if len(units.scored(part)) >= FEWEST:
            yield name, part
