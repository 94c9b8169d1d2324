"""Count looks at a held-out set: each teaches the next night something; after so many it is no longer unseen."""

from collections.abc import Iterator

from harness.gate.context import Context
from harness.types import Finding


def findings(context: Context) -> Iterator[Finding]:
    most, looks = context.policy.looks, context.looks
    counts: dict[str, float] = {"looks": looks, "allowed": most}
    if looks > most:
        yield Finding(
            rule="looks",
            suite="",
            outcome="unresolved",
            sentence=f"The held-out set was looked at {looks} times and {most} are allowed: it needs fresh cases.",
            counts=counts,
            formula="count",
            next="trueup ingest newer traces, then trueup curate",
        )
    elif looks:
        yield Finding(
            rule="looks",
            suite="",
            outcome="info",
            sentence=f"Look {looks} of {most} at this held-out set.",
            counts=counts,
            formula="count",
        )
