"""Find a weakened gate: a policy that asks for less than before, and arms that are asked in another way.

A base with another model, a worse prompt or other options is easily beaten. Either leaves the verdict undecided, until the
policy is given a new `version` under [gate]: then it is named in the verdict's sentence, and the next promotion sets the bar
anew. What suites ask for is compared by the rule `lowered`.
"""

from collections.abc import Iterator
from typing import Literal

from msgspec import to_builtins

from harness.evaluate.arms import CHAMPION
from harness.gate.context import Context
from harness.types import Finding, Policy

LAXER_ABOVE = ("alpha", "max_error_share", "looks")
"""Numbers that ask for less when they are raised."""
TARGETS = ("all", "any", "none")
"""The strictest first."""
LAXER_BELOW = ("min_cases", "net_gain")
SETTINGS = ("backend", "model", "prompt", "options", "template_options")
WORDS = {"options": "set of options", "template_options": "set of template options"}
PLANNING = frozenset({"discordance", "expected_gain", "power", "design_effect", "train_anyway"})
"""Options that decide no verdict."""


def findings(context: Context) -> Iterator[Finding]:
    if context.bar.policy is None or not context.comparisons:
        return
    weaker = [*_weaker(context.bar.policy, context.policy), *_other_arms(context)]
    if not weaker:
        return
    outcome: Literal["info", "unresolved"] = "info" if context.names_the_bar_only else "unresolved"
    yield Finding(
        rule="weakened",
        suite="",
        outcome=outcome,
        sentence=f"{context.since} the gate was weakened: {', '.join(weaker)}.",
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
    if now.targets != before.targets and TARGETS.index(now.targets) > TARGETS.index(before.targets):
        yield "no target is needed" if now.targets == "none" else "one target of several is enough"
    if (before.prompted_tie, now.prompted_tie) == ("undecided", "say"):
        yield "a prompt that may do as well is only said"
    lost = sorted(set(before.baselines) - set(now.baselines) - {CHAMPION})
    if lost:
        yield f"{', '.join(lost)} is no baseline any more"
    names = (before.options.keys() | now.options.keys()) - PLANNING
    changed = sorted(name for name in names if before.options.get(name) != now.options.get(name))
    if changed:
        yield f"options differ ({', '.join(changed)})"


def _other_arms(context: Context) -> Iterator[str]:
    """Arms of then that are gone, or that are asked in another way and are not what was promoted since."""
    before, now = context.bar.arms, context.arms
    for name in sorted(before.keys() - {context.policy.candidate}):
        if name not in now:
            yield f"the arm {name} is gone"
            continue
        if now[name].promoted or (before[name].alone != now[name].alone and before[name].content == now[name].content):
            continue
        old, new = to_builtins(before[name]), to_builtins(now[name])
        differing = [field for field in SETTINGS if old.get(field) != new.get(field)]
        if differing:
            yield f"the arm {name} has another {' and '.join(WORDS.get(field, field) for field in differing)}"
