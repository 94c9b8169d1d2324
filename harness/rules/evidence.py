"""No evidence, no promotion: whatever makes the measurement itself untrustworthy, or leaves nothing measured."""

from collections.abc import Iterator

from harness.rules import _words as words
from harness.rules._context import Context
from harness.types import Comparison, Finding, Info, Target

LONGEST = 160
"""Characters of an error message that a finding repeats."""


def findings(context: Context) -> Iterator[Finding]:
    for problem in context.problems:
        yield _invalid("", f"The run has a problem: {problem}.", "mend it, then trueup eval")
    yield from _measured(context)
    for baseline in context.baselines:
        if context.comparisons and not any(one.baseline == baseline for one in context.comparisons):
            yield _invalid("", f"There is no run of the baseline {baseline}.", f"trueup eval --model {baseline}")
    for comparison in context.comparisons:
        if not isinstance(comparison.suite.role, Info):
            yield from _sound(comparison, context.policy.max_error_share)


def _measured(context: Context) -> Iterator[Finding]:
    if not context.comparisons:
        yield Finding(
            rule="evidence",
            suite="",
            outcome="unresolved",
            sentence="Nothing was measured.",
            counts={"n": 0},
            formula="count",
            next="trueup eval",
        )
    elif not any(isinstance(one.suite.role, Target) for one in context.comparisons):
        yield Finding(
            rule="evidence",
            suite="",
            outcome="unresolved",
            sentence="No suite has the role target, so nothing can be shown to have improved.",
            counts={"targets": 0},
            formula="count",
            next="give one suite role=target(min_gain=...)",
        )


def _sound(comparison: Comparison, most_errors: float) -> Iterator[Finding]:
    name, pairs = comparison.suite.name, comparison.pairs
    said = f"{words.label(name)} ({comparison.baseline} and {comparison.candidate})"
    for problem in comparison.problems:
        yield _invalid(name, f"{said}: {problem}.", "trueup eval", n=len(pairs))
    ids = {pair.case_id for pair in pairs}
    if len(ids) < len(pairs):
        yield _invalid(
            name, f"{said}: {len(pairs) - len(ids)} case ids stand twice.", "give each case its own id", n=len(pairs)
        )
    failed = [pair for pair in pairs if pair.baseline is None or pair.candidate is None]
    if len(failed) > most_errors * len(pairs):
        first = (words.error(failed[0]) or "no score")[:LONGEST]
        text = f"{said}: {len(failed)} of {len(pairs)} cases have no score under both arms, such as "
        yield _invalid(
            name,
            f"{text}{failed[0].case_id} ({first}).",
            "trueup report --open",
            n=len(pairs) - len(failed),
            missing=len(failed),
        )


def _invalid(suite: str, sentence: str, command: str, **counts: float) -> Finding:
    return Finding(
        rule="evidence",
        suite=suite,
        outcome="invalid",
        sentence=sentence,
        counts=counts or {"n": 0},
        formula="count",
        next=command,
    )
