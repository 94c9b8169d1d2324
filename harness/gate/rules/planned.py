"""Report a training that the power plan advised against (`train_anyway = true`, or `--train-anyway`)."""

from collections.abc import Iterator

from msgspec.structs import replace

from harness.gate import options as gate_options
from harness.gate import power_rules
from harness.gate.context import Context
from harness.types import Finding

ANYWAY = gate_options.flag("train_anyway")
OPTIONS = (ANYWAY, *power_rules.OPTIONS)


def findings(context: Context) -> Iterator[Finding]:
    asked = ANYWAY.of(context.policy)
    if (asked or context.trained_anyway) and context.fine_tuned:
        by = "by the policy's train_anyway" if asked else "though the plan advised against it"
        suites = {one.suite.name: one.suite for one in context.comparisons}
        for finding in power_rules.planned(tuple(suites.values()), context.policy, context.looks):
            if finding.outcome == "unresolved":
                text = f"Trained anyway, {by}. {finding.sentence}"
                yield replace(finding, rule="planned", outcome="info", sentence=text)
