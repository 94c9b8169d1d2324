"""Require the suites that the policy names: none may be deleted, or changed so that it decides nothing.

[gate.options]
required = ["booking", "arc_easy/eval_arc::eval_arc"]     # a suite's full name, or its short one
"""

from collections.abc import Collection, Iterator

from harness.gate import options as gate_options
from harness.gate import wording
from harness.gate.context import Context
from harness.types import Finding, Info

REQUIRED = gate_options.words("required")
OPTIONS = (REQUIRED,)


def findings(context: Context) -> Iterator[Finding]:
    suites = {one.suite.name: one.suite for one in context.comparisons}
    deciding = {name for name, suite in suites.items() if not isinstance(suite.role, Info)}
    for name in sorted(set(REQUIRED.of(context.policy))):
        if name in _names(deciding):
            continue
        there = "has the role info, which decides nothing" if name in _names(suites) else "was not measured"
        yield Finding(
            rule="required",
            suite="",
            outcome="invalid",
            sentence=f"The policy requires the suite {name}, and it {there}.",
            counts={"n": 0},
            formula="count",
            next=f"give {name} its role back, or take it out of required under [gate.options]",
        )


def _names(suites: Collection[str]) -> set[str]:
    return {*suites, *map(wording.label, suites)}
