"""Warn when no guard asks what the candidate broke elsewhere. Decides nothing."""

from collections.abc import Iterator

from harness.gate.context import Context
from harness.gate.rules.negative_control import toothless
from harness.types import Finding, Guard


def findings(context: Context) -> Iterator[Finding]:
    cannot_fail = {suite for suite, *_ in toothless(context)}
    guards = {one.suite.name for one in context.having(Guard)}
    if context.comparisons and guards <= cannot_fail:
        which = "is a guard that can fail" if guards else "has the role guard"
        yield Finding(
            rule="unguarded",
            suite="",
            outcome="info",
            sentence=f"No suite {which}, so what the candidate broke elsewhere is not known.",
            counts={"guards": 0},
            formula="count",
            next="give a suite of what works today role=guard(margin=...)",
        )
