"""Require evidence: find whatever makes the measurement untrustworthy, or leaves nothing measured."""

from collections.abc import Iterator

from harness.evaluate.arms import CHAMPION, FIXED
from harness.gate import wording
from harness.gate.context import Context
from harness.types import Comparison, Finding, Guard, Info, Target

FIRST = True
"""Of equal outcomes its findings come first: without a measurement the others say little."""
LONGEST = 160
"""Characters of an error message that a finding repeats."""


def findings(context: Context) -> Iterator[Finding]:
    for problem in context.problems:
        yield _invalid("", f"The run has a problem: {problem}.", "fix it, then trueup eval")
    yield from _measured(context)
    for baseline in context.baselines:
        if context.comparisons and not any(one.baseline == baseline for one in context.comparisons):
            yield _invalid("", f"There is no run of the baseline {baseline}.", f"trueup eval --model {baseline}")
    yield from _champion(context)
    yield from _each(context)
    for comparison in context.comparisons:
        judged = comparison.baseline in context.baselines or comparison.baseline not in FIXED
        if judged and not isinstance(comparison.suite.role, Info):
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
    elif context.policy.targets == "none":
        if not any(context.having(Guard)):
            yield Finding(
                rule="evidence",
                suite="",
                outcome="unresolved",
                sentence="No suite has the role guard, so nothing can be shown to be as good as before.",
                counts={"guards": 0},
                formula="count",
                next="give a suite of what works today role=guard(margin=...)",
            )
    elif not any(isinstance(one.suite.role, Target) for one in context.comparisons):
        yield Finding(
            rule="evidence",
            suite="",
            outcome="unresolved",
            sentence="No suite has the role target, so nothing can be shown to have improved.",
            counts={"targets": 0},
            formula="count",
            next='give one suite role=target(min_gain=...); or set targets = "none" under [gate], if only nothing may break',
        )


def _champion(context: Context) -> Iterator[Finding]:
    """What is in production must be among what the candidate is held against."""
    if context.champion and context.comparisons and CHAMPION not in context.baselines:
        text = "Something that was promoted is in production, and the candidate was not held against it."
        yield _invalid("", text, "trueup eval, so that the champion answers too")


def _each(context: Context) -> Iterator[Finding]:
    """Every target and guard, against every baseline that was run at all."""
    there = {(one.suite.name, one.baseline) for one in context.comparisons}
    suites = {one.suite.name for one in context.comparisons if isinstance(one.suite.role, (Target, Guard))}
    for baseline in [name for name in context.baselines if any(name == other for _, other in there)]:
        for suite in sorted(name for name in suites if (name, baseline) not in there):
            text = f"{wording.label(suite)} was not held against the baseline {baseline}."
            yield _invalid(suite, text, f"trueup eval --model {baseline}")


def _sound(comparison: Comparison, most_errors: float) -> Iterator[Finding]:
    name, pairs = comparison.suite.name, comparison.pairs
    said = f"{wording.label(name)} ({comparison.baseline} and {comparison.candidate})"
    for problem in comparison.problems:
        yield _invalid(name, f"{said}: {problem}.", "trueup eval", n=len(pairs))
    ids = {pair.case_id for pair in pairs}
    if len(ids) < len(pairs):
        yield _invalid(
            name, f"{said}: {len(pairs) - len(ids)} case ids are not unique.", "give each case its own id", n=len(pairs)
        )
    failed = [pair for pair in pairs if pair.baseline is None or pair.candidate is None]
    if len(failed) > most_errors * len(pairs):
        first = (wording.error(failed[0]) or "no score")[:LONGEST]
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
