"""Pair each target with the failing answer to the same input, and check the pairs for bias.

A preference method learns whatever tells chosen from rejected. If the chosen answers are simply longer, it learns
length; if both say the same, it learns noise. Neither shows in the loss.
"""

from collections.abc import Sequence
from math import copysign, sqrt
from statistics import fmean, pvariance

from harness.core.replies import said, same, unwritten, written
from harness.types import Case, Noun

BIASED = 0.5
"""Cohen's d of the lengths from which the pairs teach length: a medium effect (J. Cohen, 1988)."""

CERTAIN = 1000.0
"""The largest effect that is told: lengths that never vary tell the two sides apart with certainty."""


class Pairs(Noun, frozen=True):
    cases: tuple[Case, ...]
    """Each with `target` as the chosen and `rejected` as the rejected answer."""
    left_out: dict[str, int] = {}
    """Reason to rows: no_rejected, identical, echo."""
    length_bias: float = 0.0
    """Cohen's d of the answers' lengths in characters, chosen minus rejected; above 0 the chosen are longer."""
    warnings: tuple[str, ...] = ()


def pairs(cases: Sequence[Case]) -> Pairs:
    """The usable pairs among `cases`, what was left out and why, and what the rest would teach besides."""
    reasons = [_unusable(case) for case in cases]
    kept = tuple(case for case, reason in zip(cases, reasons, strict=True) if not reason)
    left_out = {reason: reasons.count(reason) for reason in sorted(set(reasons) - {""})}
    bias = _effect([len(_chosen(case)) for case in kept], [len(case.rejected or "") for case in kept])
    return Pairs(cases=kept, left_out=left_out, length_bias=bias, warnings=tuple(_warnings(bias)))


def _unusable(case: Case) -> str:
    if case.rejected is None or case.target is None or not case.rejected.strip():
        return "no_rejected"
    if said(case.target) == said(unwritten(case.rejected)):
        return "identical"
    return "echo" if case.text and same(_chosen(case), case.text) else ""


def _chosen(case: Case) -> str:
    return written(case.target) if case.target else ""


def _effect(first: Sequence[int], second: Sequence[int]) -> float:
    """Cohen's d with the pooled variance; 0 for fewer than two pairs, or where the means are equal.

    Without any spread the lengths tell every pair apart, so the effect is as large as can be: `CERTAIN`, with its sign.
    """
    if len(first) < 2:
        return 0.0
    gap = fmean(first) - fmean(second)
    spread = sqrt((pvariance(first) + pvariance(second)) / 2)
    if abs(gap) >= CERTAIN * spread:
        return copysign(CERTAIN, gap) if gap else 0.0
    return round(gap / spread, 4)


def _warnings(bias: float) -> list[str]:
    if abs(bias) < BIASED:
        return []
    side = "longer" if bias > 0 else "shorter"
    return [f"the chosen answers are much {side} (Cohen's d {bias:+.2f}): a preference method will learn length"]
