"""List waivers: those in force with what they cover, and those that count as none.

A waiver is for a while and for a few cases. One that runs longer than `waiver_days` counts as none; more cases of a suite
than `waived_share` leave the verdict undecided.
"""

from collections import defaultdict
from collections.abc import Iterator

from harness.gate import options as gate_options
from harness.gate import wording
from harness.gate.context import Context
from harness.gate.waiver_limits import DAYS
from harness.types import Comparison, Finding, Waiver

SHARE = gate_options.number("waived_share", 0.05, most=1.0)
OPTIONS = (DAYS, SHARE)


def findings(context: Context) -> Iterator[Finding]:
    for waiver in context.waivers:
        yield _in_force(waiver, context)
    for waiver in context.idle_waivers:
        yield _idle(waiver, context)
    yield from _too_many(context)


def _in_force(waiver: Waiver, context: Context) -> Finding:
    covered = {
        (comparison.suite.name, pair.case_id)
        for comparison in context.comparisons
        for pair in comparison.pairs
        if context.waiver(comparison, pair) == waiver
    }
    text = f"{waiver.owner} waives {_what(waiver)} until {waiver.expires}: {waiver.reason}"
    if not covered:
        text += "; but no such case of a guard or a contract was measured, so it covers none"
    return Finding(
        rule="waived",
        suite=waiver.suite,
        outcome="info",
        sentence=f"{text}.",
        counts={"cases": len(covered)},
        formula="count",
    )


def _idle(waiver: Waiver, context: Context) -> Finding:
    why = f"ended on {waiver.expires}"
    fix = "fix the case, or renew the waiver with its reason"
    if not (waiver.case_id or waiver.cluster):
        why, fix = "names neither case nor cluster", 'add case_id = "..."'
    elif waiver.expires > context.today:
        days = f"{DAYS.of(context.policy):g} days"
        why, fix = f"runs until {waiver.expires}, longer than {days}", f"let it end within {days}"
    return Finding(
        rule="waived",
        suite=waiver.suite,
        outcome="info",
        sentence=f"The waiver of {_what(waiver)} by {waiver.owner} {why} and counts as none.",
        counts={"cases": 0},
        formula="count",
        next=fix,
    )


def _too_many(context: Context) -> Iterator[Finding]:
    """One finding for each suite of which too many cases are waived; one case never is too many."""
    suites: dict[str, Comparison] = {each.suite.name: each for each in context.comparisons}
    waived: dict[str, set[str]] = defaultdict(set)
    for comparison in context.comparisons:
        waived[comparison.suite.name] |= {pair.case_id for pair in comparison.pairs if context.waiver(comparison, pair)}
    share = float(SHARE.of(context.policy))
    for name, cases in sorted(waived.items()):
        asked = len(suites[name].pairs)
        if len(cases) > max(1.0, share * asked):
            yield Finding(
                rule="waived",
                suite=name,
                outcome="unresolved",
                sentence=f"{len(cases)} of {asked} cases of {wording.label(name)} are waived; at most {share:.0%} may be.",
                counts={"waived": len(cases), "n": asked},
                formula="count",
                next="fix cases until few enough are waived",
            )


def _what(waiver: Waiver) -> str:
    where = f"case {waiver.case_id} of " * bool(waiver.case_id) or f"cluster {waiver.cluster} of " * bool(
        waiver.cluster
    )
    return f"{where}{wording.label(waiver.suite)}"
