"""Report a training that the power plan advised against (`train_anyway = true`)."""

from collections.abc import Iterator

from msgspec.structs import replace

from harness.gate import options as gate_options
from harness.gate import power_rules
from harness.gate.context import Context
from harness.types import Finding

ANYWAY = gate_options.flag("train_anyway")
OPTIONS = (ANYWAY, *power_rules.OPTIONS)


def findings(context: Context) -> Iterator[Finding]:
    if ANYWAY.of(context.policy) and context.fine_tuned:
        suites = {one.suite.name: one.suite for one in context.comparisons}
        for finding in power_rules.planned(tuple(suites.values()), context.policy, context.looks):
            if finding.outcome == "unresolved":
                text = f"Trained anyway, by the policy's train_anyway. {finding.sentence}"
                yield replace(finding, rule="planned", outcome="info", sentence=text)
