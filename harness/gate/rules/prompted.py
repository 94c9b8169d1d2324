"""Compare with prompting: a fine-tune must be shown to do better than the prompt, which can be changed in a minute.

Where prompting is shown to do as well within the margin, the verdict says: do not fine-tune for this, and holds. Where neither
is shown, it is undecided. A prompt that a search found (`[prompts.NAME] optimise`) counts as prompting too. Where the saving in tokens is what the fine-tune is for, the policy says so with
`prompted_tie = "say"`: then both are only told, in the sentence of the verdict too, and so is a prompt that was not tried.
"""

from collections.abc import Iterator
from typing import Literal

from msgspec.structs import replace

from harness.gate import measure, units, wording
from harness.gate import options as gate_options
from harness.gate.context import PROMPTED, Context
from harness.gate.statistics.paired import Paired
from harness.types import Comparison, Finding, Guard, Target

COMPARES = True
"""Its findings hold a difference of two arms, beside which A/A noise is shown."""
ARMS = gate_options.words("prompted_arms", PROMPTED)
MARGIN = gate_options.number("prompted_margin", Guard().margin)
OPTIONS = (ARMS, MARGIN)
SAY = 'use the prompt; or set prompted_tie = "say" under [gate] if the saved tokens are the point'


def findings(context: Context) -> Iterator[Finding]:
    if not context.fine_tuned:  # the candidate is a prompt, a model or an endpoint itself
        return
    searched = sorted(name for name, asked in context.arms.items() if asked.searched)
    for arm in dict.fromkeys([*ARMS.of(context.policy), *searched]):
        if arm in context.baselines:  # then every target must beat it, which says more
            continue
        measured = [one for one in context.against(arm, Target) if len(units.scored(one)) >= 2]
        for comparison in measured:
            yield _judge(comparison, context)
        if not measured and any(context.having(Target)):
            yield _unmeasured(arm)


def _unmeasured(arm: str) -> Finding:
    return Finding(
        rule="prompted",
        suite="",
        outcome="info",
        sentence=f"Whether a prompt would do as well is not known: there is no run of the arm {arm}.",
        baseline=arm,
        counts={"n": 0},
        formula="count",
        next=f"name its prompt under [arms.{arm}], then trueup eval",
    )


def _judge(comparison: Comparison, context: Context) -> Finding:
    margin, alpha = float(MARGIN.of(context.policy)), context.alpha(comparison.suite.name)
    blocks = context.policy.prompted_tie == "undecided"
    found = measure.measure(comparison, alpha)
    finding = measure.measured(measure.start("prompted", comparison), comparison, found, margin, alpha)
    said = wording.change(comparison, found.estimate, found.interval)
    if len(units.scored(comparison)) < context.policy.min_cases or found.weakness:
        text = f"{said}; too few cases to say whether prompting would do."
        return _open(replace(finding, sentence=text), blocks)
    finding = replace(finding, p_value=found.below(margin))
    if found.shows_below(margin, alpha):
        return _tie(finding, found, said, wording.amount(margin, wording.is_rate(comparison)), context)
    if found.shows_above(0.0, alpha):
        text = f"{said}: the fine-tune does what the prompt does not."
        return replace(finding, outcome="info", p_value=found.above(0.0), sentence=text)
    text = f"{said}: the fine-tune was not shown to do better than the prompt."
    return _open(replace(finding, sentence=text), blocks)


def _open(finding: Finding, blocks: bool) -> Finding:
    """Neither better nor as good was shown: `tie` in its counts makes the verdict's sentence name it."""
    outcome: Literal["unresolved", "info"] = "unresolved" if blocks else "info"
    return replace(finding, outcome=outcome, counts=finding.counts | {"tie": 1}, next=SAY)


def _tie(finding: Finding, found: Paired, said: str, margin: str, context: Context) -> Finding:
    outcome: Literal["fail", "info"] = "fail" if context.policy.prompted_tie == "undecided" else "info"
    better = found.shows_below(0.0, context.alpha(finding.suite))
    how = "prompting does better" if better else f"prompting does as well within {margin}"
    return replace(
        finding,
        outcome=outcome,
        sentence=f"{said}: {how}, so do not fine-tune for this.",
        counts=finding.counts | {"tie": 1},
        next=SAY,
    )
