"""Find lowered bars: the suites that decided when the champion was promoted decide again.

One that is gone, that decides nothing any more, asks for less or lost a tenth of its cases leaves the verdict undecided,
until the policy is given a new `version` under [gate]: then the verdict's sentence names it, and the next promotion sets the
bar anew. Before the first promotion the sentence names it, too, and it decides nothing: the gate is still being built.
"""

from collections.abc import Iterator
from typing import Literal

from harness.gate import suite_bar, wording
from harness.gate.context import Context
from harness.types import Finding


def findings(context: Context) -> Iterator[Finding]:
    now = {comparison.suite.name: comparison.suite for comparison in context.comparisons}
    only_named = context.names_the_bar_only
    for before in context.bar.suites:
        what = suite_bar.lowered(before, now.get(before.name))
        if what and context.comparisons:
            outcome: Literal["info", "unresolved"] = "info" if only_named else "unresolved"
            yield Finding(
                rule="lowered",
                suite=before.name,
                outcome=outcome,
                sentence=f"{context.since} {wording.label(before.name)} {what}.",
                counts={"cases": now[before.name].cases if before.name in now else 0, "before": before.cases},
                formula="count",
                next="put it back; or give the policy a new version under [gate], to say that it is meant",
            )
