"""Test whether a judge errs alike on both arms, where people's labels say which arm gave the answer.

A judge that is laxer on one arm is corrected for (`harness.gate.statistics.prediction_powered`), so this decides nothing;
but who reads the verdict should know it.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from harness.gate import measure, units, wording
from harness.gate.context import Context
from harness.types import Comparison, Finding, Guard, Target


def findings(context: Context) -> Iterator[Finding]:
    for role in (Target, Guard):
        for comparison in context.having(role):
            if comparison.suite.judge is not None and len(units.scored(comparison)) >= 2:
                yield from _judge(comparison, context)


def _judge(comparison: Comparison, context: Context) -> Iterator[Finding]:
    found = measure.measure(comparison, context.alpha(comparison.suite.name))
    if "laxer" not in found.counts:
        return
    estimate, low, high = (found.counts[key] for key in ("laxer", "laxer_low", "laxer_high"))
    band = replace(found.interval, low=low, high=high)
    name, arms = wording.label(comparison.suite.name), (comparison.candidate, comparison.baseline)
    how = "laxer on" if estimate > 0 else "stricter on"
    text = f"The judge of {name} is {wording.amount(estimate, True)} {how} {arms[0]} than on {arms[1]}"
    shown = "" if low <= 0 <= high else ", more than chance explains, and corrected for"
    yield replace(
        measure.start("judge_error", comparison),
        outcome="info",
        sentence=f"{text} ({wording.band(band, True)}){shown}.",
        estimate=estimate,
        bound=0.0,
        interval=band,
        formula=found.formula,
    )
