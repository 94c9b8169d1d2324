"""List waivers: those in force with what they cover, and the expired ones."""

from collections.abc import Iterator

from harness.gate import wording
from harness.gate.context import Context
from harness.types import Finding, Waiver


def findings(context: Context) -> Iterator[Finding]:
    for waiver in context.waivers:
        covered = {
            (one.suite.name, pair.case_id)
            for one in context.comparisons
            for pair in one.pairs
            if context.waiver(one, pair) == waiver
        }
        text = f"{waiver.owner} waives {_what(waiver)} until {waiver.expires}: {waiver.reason}"
        if not covered:
            text += "; but no such case was measured, so it covers none"
        yield Finding(
            rule="waived",
            suite=waiver.suite,
            outcome="info",
            sentence=f"{text}.",
            counts={"cases": len(covered)},
            formula="count",
        )
    for waiver in context.expired:
        yield Finding(
            rule="waived",
            suite=waiver.suite,
            outcome="info",
            sentence=f"The waiver of {_what(waiver)} by {waiver.owner} ended on {waiver.expires} and counts as none.",
            counts={"cases": 0},
            formula="count",
            next="fix the case, or renew the waiver with its reason",
        )


def _what(waiver: Waiver) -> str:
    where = f"case {waiver.case_id}" if waiver.case_id else f"cluster {waiver.cluster}"
    return f"{where} of {wording.label(waiver.suite)}"
