"""Stop small losses from adding up: with a champion, compare every guard with the original base as well.

A candidate that loses one point to the champion, which lost one to the champion before it, passes each night and is far
below where it started after a month. Whoever holds candidates against the champion alone gets this rule's findings; where
the base is among the policy's baselines, the guard's own findings say the same. `original` under [gate.options] names
the arm that counts as the original, `base` if left out; where there is no run of `base` either, the first baseline that is
not the champion.
"""

from collections.abc import Iterator
from dataclasses import replace as with_fields

from msgspec.structs import replace

from harness.evaluate.arms import CHAMPION
from harness.gate import options as gate_options
from harness.gate.context import Context
from harness.gate.rules import guard
from harness.types import Finding, Guard

HARM = True
"""It finds something broken: of equal outcomes this comes before what was not gained."""
ORIGINAL = gate_options.word("original", "base")
OPTIONS = (ORIGINAL,)


def findings(context: Context) -> Iterator[Finding]:
    original = _original(context)
    guarded = {one.suite.name for one in context.against(CHAMPION, Guard)}
    if not guarded or original in context.baselines:
        return
    held = {one.suite.name for one in context.against(original, Guard)}
    for finding in guard.findings(with_fields(context, baselines=(original,))):
        yield replace(finding, rule="ratchet")
    for suite in sorted(guarded - held):
        yield Finding(
            rule="ratchet",
            suite=suite,
            outcome="invalid",
            sentence=f"Held against the champion alone: there is no run of {original}, so losses may have added up.",
            baseline=original,
            next=f"trueup eval --model {original}",
        )


def _original(context: Context) -> str:
    """The arm that losses are counted from."""
    named = str(ORIGINAL.of(context.policy))
    was_run = any(comparison.baseline == named for comparison in context.comparisons)
    others = [name for name in context.baselines if name != CHAMPION]
    if was_run or ORIGINAL.name in context.policy.options or not others:
        return named
    return others[0]
