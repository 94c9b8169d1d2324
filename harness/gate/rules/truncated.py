"""Tell where replies were cut off more often under one arm than under the other.

A reply that ends at `max_tokens`, or inside its reasoning, is scored as it is, mostly as wrong. Where that befalls the arms
unequally the difference between them is in part one of length. It decides nothing: the scores are what was measured.
"""

from collections.abc import Iterator

from harness.gate.context import Context
from harness.types import Comparison, Finding


def findings(context: Context) -> Iterator[Finding]:
    for comparison in context.comparisons:
        baseline, candidate = counts(comparison)
        if baseline != candidate:
            yield _unequal(comparison, baseline, candidate)


def counts(comparison: Comparison) -> tuple[int, int]:
    """Cases with a reply that was cut off, under the baseline and under the candidate."""
    return sum(pair.cut_off[0] for pair in comparison.pairs), sum(pair.cut_off[1] for pair in comparison.pairs)


def _unequal(comparison: Comparison, baseline: int, candidate: int) -> Finding:
    return Finding(
        rule="truncated",
        suite=comparison.suite.name,
        outcome="info",
        sentence=(
            f"Replies were cut off in {candidate} of {len(comparison.pairs)} cases under {comparison.candidate}, and in "
            f"{baseline} under {comparison.baseline}: a part of the difference may be one of length."
        ),
        baseline=comparison.baseline,
        candidate=comparison.candidate,
        metric=comparison.metric,
        counts={"n": len(comparison.pairs), "baseline": baseline, "candidate": candidate},
        formula="count",
        next="raise max_tokens in the eval file, or see in the report where the replies end",
    )
