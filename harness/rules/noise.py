"""A/A: an arm against itself. What differs there is noise, and stands beside every difference."""

from collections.abc import Iterator

from msgspec.structs import replace

from harness.rules import _measure as measure
from harness.rules import _words as words
from harness.rules._context import Context
from harness.types import Comparison, Finding


def findings(context: Context) -> Iterator[Finding]:
    for comparison in context.controls:
        if len(measure.scored(comparison)) >= 2:
            yield _judge(comparison, context)


def _judge(comparison: Comparison, context: Context) -> Finding:
    pairs = measure.scored(comparison)
    flips = [pair for pair in pairs if pair.baseline != pair.candidate]
    found = measure.measure(comparison, context.policy.alpha)
    finding = measure.measured(measure.start("noise", comparison), comparison, found, 0.0, context.policy.alpha)
    alarm = not found.weakness and min(found.above(0.0), found.below(0.0)) <= context.policy.alpha / 2
    name, share = words.label(comparison.suite.name), len(flips) / len(pairs)
    text = f"{name}: {comparison.baseline} against itself flips {len(flips)} of {len(pairs)} cases ({share:.1%})"
    tail = "; the two runs differ by more than chance, so something besides the model changed" if alarm else ""
    return replace(
        finding,
        outcome="invalid" if alarm else "info",
        sentence=f"{text}{tail}.",
        counts=finding.counts | {"flips": len(flips)},
        next="run both arms again under one setting" if alarm else "",
    )
