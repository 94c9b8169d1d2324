"""Write the verdict in one sentence: what was gained, what held, or the first reason why not."""

from collections.abc import Sequence

from harness.gate.wording import label
from harness.types import Finding

REASONS = ("invalid", "fail", "unresolved")
"""Outcomes of findings that stand in the way of a promotion, in order of weight."""


def sentence(outcome: str, found: Sequence[Finding]) -> str:
    """One sentence with the reason."""
    if outcome == "promote":
        return f"Promote: {_gains(found)}{_held(found)}{_waived(found)}."
    against = [finding for finding in found if finding.outcome in REASONS]
    if not against:
        return "Undecided: no target was shown to improve."
    reason = against[0].sentence if against[0].suite else against[0].sentence[:1].lower() + against[0].sentence[1:]
    others = len(against) - 1
    more = f" {others} more {'finding stands' if others == 1 else 'findings stand'} in the way." if others else ""
    return f"{outcome.capitalize()}: {reason}{more}"


def _gains(found: Sequence[Finding]) -> str:
    """`booking gains 81.2 points [77.9, 84.6]`, each target suite once."""
    said = {one.suite: one.sentence.split(" against ")[0] for one in reversed(found) if one.rule == "target"}
    clauses = [said[suite] for suite in sorted(said)]
    return ", ".join(clauses)


def _held(found: Sequence[Finding]) -> str:
    """` and both guards hold`, and which of them declines within its margin."""
    parts = [_count(rule, found) for rule in ("guard", "contract", "budget")]
    held = " and ".join(part for part in parts if part)
    declines = sorted(
        {label(one.suite) for one in found if one.rule == "guard" and one.interval and one.interval.high < 0}
    )
    tail = f", though {', '.join(declines)} declines within the margin" if declines else ""
    return (f" and {held}" if held else "") + tail


def _waived(found: Sequence[Finding]) -> str:
    """`, with 3 cases waived`: what did not count must be seen at once."""
    cases = int(sum(one.counts.get("cases", 0) for one in found if one.rule == "waived"))
    return f", with {cases} {'case' if cases == 1 else 'cases'} waived" if cases else ""


def _count(rule: str, found: Sequence[Finding]) -> str:
    suites = len({one.suite for one in found if one.rule == rule and one.outcome == "pass"})
    if suites <= 1:
        return f"the {rule} holds" if suites else ""
    return f"both {rule}s hold" if suites == 2 else f"all {suites} {rule}s hold"
