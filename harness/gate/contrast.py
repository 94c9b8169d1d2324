"""Compare two runs without a gate: what changed, what is noise, and what was left out.

A suite changed when the difference is shown in either direction after Benjamini and Hochberg's correction over all suites
(a share of `alpha` of those shown is false on average). Everything else that was measured is noise, and is said to be.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from harness.gate import measure, units, wording
from harness.gate.noise_beside import beside
from harness.gate.statistics.multiple import benjamini_hochberg
from harness.types import Comparison, Finding


class Contrast(Struct, frozen=True):
    """Findings of the rule `difference`; none of them decides anything."""

    changed: tuple[Finding, ...]
    """Largest difference first."""
    noise: tuple[Finding, ...]
    left_out: tuple[Finding, ...]
    """Suites that cannot be compared, and cases without a score under both arms."""


def contrast(comparisons: Sequence[Comparison], controls: Sequence[Comparison], alpha: float) -> Contrast:
    """Sort the suites of two runs. `controls` hold either arm against itself, for the noise beside the differences."""
    lost = [finding for one in comparisons for finding in _left_out(one)]
    usable = [one for one in comparisons if not one.problems and len(units.scored(one)) > 1]
    found = [beside(_difference(one, alpha), controls) for one in usable]
    adjusted = benjamini_hochberg([one.p_value if one.p_value is not None else 1.0 for one in found])
    found = [replace(one, counts=one.counts | {"q": round(q, 6)}) for one, q in zip(found, adjusted, strict=True)]
    changed = [one for one in found if one.counts["q"] <= alpha]
    return Contrast(
        changed=tuple(sorted(changed, key=lambda one: (-abs(one.estimate or 0.0), one.suite))),
        noise=tuple(one for one in found if one not in changed),
        left_out=tuple(lost),
    )


def _difference(comparison: Comparison, alpha: float) -> Finding:
    found = measure.measure(comparison, alpha / 2)
    finding = measure.measured(measure.start("difference", comparison), comparison, found, 0.0, alpha / 2)
    p = 1.0 if found.weakness else min(1.0, 2 * min(found.above(0.0), found.below(0.0)))
    said = wording.change(comparison, found.estimate, found.interval)
    tail = f", which cannot be judged: {found.weakness}" if found.weakness else ""
    counts = finding.counts | {"before": _mean(comparison, 0), "after": _mean(comparison, 1)}
    return replace(finding, outcome="info", p_value=p, sentence=f"{said}{tail}.", counts=counts)


def _mean(comparison: Comparison, side: int) -> float:
    values = [(pair.baseline, pair.candidate)[side] or 0.0 for pair in units.scored(comparison)]
    return sum(values) / len(values)


def _left_out(comparison: Comparison) -> Iterator[Finding]:
    name, pairs = wording.label(comparison.suite.name), comparison.pairs
    start = replace(measure.start("difference", comparison), outcome="info", formula="count", next="trueup eval")
    for problem in comparison.problems:
        yield replace(start, sentence=f"{name}: {problem}.")
    if comparison.stopped:
        asked = (
            f"{name}: only {len(pairs)} of {comparison.suite.cases} cases were asked, since the evaluation ended early"
        )
        yield replace(start, sentence=f"{asked}: {comparison.stopped}")
    lost = [pair for pair in pairs if pair.baseline is None or pair.candidate is None]
    if lost:
        first = wording.error(lost[0]) or "no score"
        text = (
            f"{name}: {len(lost)} of {len(pairs)} cases have no score under both, such as {lost[0].case_id} ({first})."
        )
        yield replace(start, sentence=text)
    elif len(pairs) < 2:
        yield replace(start, sentence=f"{name}: {'one case is' if pairs else 'no cases are'} too few to compare.")
