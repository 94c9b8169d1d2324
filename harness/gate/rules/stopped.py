"""Report an evaluation that ended early; it never promotes, since only some of the cases were asked."""

from collections.abc import Iterator

from harness.gate.context import Context
from harness.gate.units import scored
from harness.types import Finding


def findings(context: Context) -> Iterator[Finding]:
    stopped = [one for one in context.comparisons if one.stopped and one.baseline in context.baselines]
    if stopped:
        asked = {one.suite.name: len(scored(one)) for one in stopped}
        cases = {one.suite.name: max(one.suite.cases, len(one.pairs)) for one in stopped}
        text = f"The evaluation ended early, after {sum(asked.values()):,} of {sum(cases.values()):,} cases"
        yield Finding(
            rule="stopped",
            suite="",
            outcome="unresolved",
            sentence=f"{text}: {stopped[0].stopped}",
            counts={"n": sum(asked.values()), "cases": sum(cases.values())},
            formula="betting_sequence",
            next="set early_stop = 0 under [eval], then trueup eval, to ask the rest",
        )
