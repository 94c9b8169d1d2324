"""Warn when no guard asks what the fine-tune broke elsewhere. Decides nothing."""

from collections.abc import Iterator

from harness.gate.context import Context
from harness.types import Finding, Guard


def findings(context: Context) -> Iterator[Finding]:
    if context.comparisons and not any(context.having(Guard)):
        yield Finding(
            rule="unguarded",
            suite="",
            outcome="info",
            sentence="No suite has the role guard, so what the fine-tune broke elsewhere is not known.",
            counts={"guards": 0},
            formula="count",
            next="give a suite of what works today role=guard(margin=...)",
        )
