"""Find lowered bars: the suites that decided when the champion was promoted decide again.

One that is gone, that decides nothing any more, asks for less or lost half of its cases leaves the verdict undecided,
until the policy is given a new `version` under [gate]: then it is told, and the next promotion sets the bar anew.
"""

from collections.abc import Iterator
from typing import Literal

from harness.gate import wording
from harness.gate.context import Context
from harness.types import Budget, Contract, Finding, Guard, Info, Suite, Target

FEWEST = 0.5
"""Share of its cases below which a suite is no longer the one it was."""


def findings(context: Context) -> Iterator[Finding]:
    now = {one.suite.name: one.suite for one in context.comparisons}
    meant = context.policy.version != context.bar_version
    for before in sorted(context.bar, key=lambda suite: suite.name):
        what = _lowered(before, now.get(before.name))
        if what and context.comparisons:
            outcome: Literal["info", "unresolved"] = "info" if meant else "unresolved"
            yield Finding(
                rule="lowered",
                suite=before.name,
                outcome=outcome,
                sentence=f"Since the last promotion {wording.label(before.name)} {what}.",
                counts={"cases": now[before.name].cases if before.name in now else 0, "before": before.cases},
                formula="count",
                next="put it back; or give the policy a new version under [gate], to say that it is meant",
            )


def _lowered(before: Suite, now: Suite | None) -> str:
    """In what a suite asks for less than it did; empty when in nothing."""
    if isinstance(before.role, Info):
        return ""
    if now is None:
        return "is gone"
    lost = sorted(set(before.must_pass) - set(now.must_pass))
    if lost and not isinstance(now.role, Contract):
        return f"no longer says that {', '.join(lost)} must pass"
    if now.cases < FEWEST * before.cases:
        return f"shrank from {before.cases:,} to {now.cases:,} cases"
    return _weaker(before, now)


def _weaker(before: Suite, now: Suite) -> str:
    old, new = before.role, now.role
    if isinstance(old, Guard) and isinstance(new, Guard) and new.margin > old.margin:
        return f"may lose {new.margin:g} instead of {old.margin:g}"
    if isinstance(old, Target) and isinstance(new, Target) and new.min_gain < old.min_gain:
        return f"must gain {new.min_gain:g} instead of {old.min_gain:g}"
    if isinstance(old, Budget) and isinstance(new, Budget) and new.limit > old.limit:
        return f"may reach {new.limit:g} instead of {old.limit:g}"
    if type(new) is not type(old) and not isinstance(new, Contract):
        return f"has the role {type(new).__name__.lower()} instead of {type(old).__name__.lower()}"
    return ""
