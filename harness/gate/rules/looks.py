"""Say how many looks at the same cases there were, and what share of the error this one may make.

Every look teaches the next night something about the cases. So alpha is spent over them (`harness.gate.statistics.spending`),
and after the policy's `looks` they are no longer unseen.
"""

from collections.abc import Iterator

from harness.gate import wording
from harness.gate.context import Context
from harness.gate.statistics.spending import spent
from harness.types import Finding


def findings(context: Context) -> Iterator[Finding]:
    most = context.policy.looks
    for number in sorted(set(context.looks.values())):
        suites = sorted(name for name, look in context.looks.items() if look == number)
        yield _used_up(suites, number, most) if number > most else _info(suites, number, context)


def _used_up(suites: list[str], number: int, most: int) -> Finding:
    return Finding(
        rule="looks",
        suite=suites[0] if len(suites) == 1 else "",
        outcome="unresolved",
        sentence=f"The cases of {_names(suites)} were looked at {number} times and {most} are allowed: they need fresh cases.",
        counts={"looks": number, "allowed": most},
        formula="count",
        next="trueup ingest newer traces, then trueup curate",
    )


def _info(suites: list[str], number: int, context: Context) -> Finding:
    most, share = context.policy.looks, spent(context.policy.alpha, number)
    text = f"Look {number} of {most} at the cases of {_names(suites)}: it may err in {100 * share:.2g} %"
    return Finding(
        rule="looks",
        suite=suites[0] if len(suites) == 1 else "",
        outcome="info",
        sentence=f"{text}, and all looks together in {100 * context.policy.alpha:.2g} %.",
        counts={"looks": number, "allowed": most, "alpha": share},
        formula="alpha_spending",
    )


def _names(suites: list[str]) -> str:
    return ", ".join(wording.label(name) for name in suites)
