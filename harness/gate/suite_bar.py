"""Compare what a suite asks for with what it asked for before."""

from harness.core.repeats import strictness
from harness.types import Budget, Contract, Guard, Info, Suite, Target

FEWEST = 0.9
"""Share of its cases below which a suite is no longer the one it was."""


def lowered(before: Suite, now: Suite | None) -> str:
    """In what a suite asks for less than it did, in words; empty when in nothing."""
    if isinstance(before.role, Info):
        return ""
    if now is None:
        return "is gone"
    lost = sorted(set(before.must_pass) - set(now.must_pass))
    if lost and not isinstance(now.role, Contract):
        return f"no longer says that {', '.join(lost)} must pass"
    if now.cases < FEWEST * before.cases:
        return f"shrank from {before.cases:,} to {now.cases:,} cases"
    if strictness(now.across) < strictness(before.across):
        return f"joins repeats by {now.across or 'their mean'} instead of {before.across or 'their mean'}"
    return weaker(before, now)


def weaker(before: Suite, now: Suite) -> str:
    """In what its role asks for less, in words; empty when in nothing."""
    old, new = before.role, now.role
    if isinstance(old, Guard) and isinstance(new, Guard) and new.margin > old.margin:
        return f"may lose {new.margin:g} instead of {old.margin:g}"
    if isinstance(old, Target) and isinstance(new, Target) and new.min_gain < old.min_gain:
        return f"must gain {new.min_gain:g} instead of {old.min_gain:g}"
    if isinstance(old, Budget) and isinstance(new, Budget) and new.limit > old.limit:
        return f"may reach {new.limit:g} instead of {old.limit:g}"
    if isinstance(old, Budget) and isinstance(new, Budget) and new.quantile < old.quantile:
        return f"asks for the limit of {new.quantile:.0%} of its cases instead of {old.quantile:.0%}"
    if type(new) is not type(old) and not isinstance(new, Contract):
        return f"has the role {type(new).__name__.lower()} instead of {type(old).__name__.lower()}"
    return ""
