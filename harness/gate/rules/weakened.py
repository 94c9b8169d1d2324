"""A policy that asks for less than the one of the last promotion says so: a gate must not be weakened unseen.

It leaves the verdict undecided, until the policy is given a new `version` under [gate]: then it is named in the verdict's
sentence, and the next promotion sets the bar anew. What suites ask for is looked after by the rule `lowered`.
"""

from collections.abc import Iterator
from typing import Literal

from harness.gate.context import CHAMPION, Context
from harness.types import Finding, Policy

LAXER_ABOVE = ("alpha", "max_error_share", "looks")
"""Numbers that ask for less when they are raised."""
LAXER_BELOW = ("min_cases", "net_gain")
PLANNING = frozenset({"discordance", "expected_gain", "power", "design_effect", "train_anyway"})
"""Options that decide no verdict."""


def findings(context: Context) -> Iterator[Finding]:
    before, now = context.bar_policy, context.policy
    weaker = list(_weaker(before, now)) if before is not None and context.comparisons else []
    if before is None or not weaker:
        return
    outcome: Literal["info", "unresolved"] = "info" if now.version != before.version else "unresolved"
    yield Finding(
        rule="weakened",
        suite="",
        outcome=outcome,
        sentence=f"Since the last promotion the policy asks for less: {', '.join(weaker)}.",
        counts={"changes": len(weaker)},
        formula="count",
        next="put it back; or give the policy a new version under [gate], to say that it is meant",
    )


def _weaker(before: Policy, now: Policy) -> Iterator[str]:
    """In what the policy asks for less, in words. Which way an option is laxer depends on it, so any change of one counts."""
    for name in (*LAXER_ABOVE, *LAXER_BELOW):
        old, new = getattr(before, name), getattr(now, name)
        if (new > old) if name in LAXER_ABOVE else (new < old):
            yield f"{name} is {new:g} instead of {old:g}"
    if (before.targets, now.targets) == ("all", "any"):
        yield "one target of several is enough"
    if (before.prompted_tie, now.prompted_tie) == ("undecided", "say"):
        yield "a prompt that may do as well is only said"
    lost = sorted(set(before.baselines) - set(now.baselines) - {CHAMPION})
    if lost:
        yield f"{', '.join(lost)} is no baseline any more"
    names = (before.options.keys() | now.options.keys()) - PLANNING
    changed = sorted(name for name in names if before.options.get(name) != now.options.get(name))
    if changed:
        yield f"options differ ({', '.join(changed)})"
