"""Parse a rule's options under [gate.options]. A rule names its own in `OPTIONS`; any other key is refused.

A misspelt option must not silently weaken a gate, and a value of the wrong kind must not be read as another one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

from harness.core.nearest import did_you_mean
from harness.core.plugins import load, names
from harness.errors import UsageError
from harness.types import Json, Policy


@dataclass(frozen=True)
class Option:
    """One key of [gate.options]."""

    name: str
    default: Json
    fits: Callable[[Json], bool]
    kind: str
    """What a value must be, in words."""

    def of(self, policy: Policy) -> Any:
        """The policy's value, else the default."""
        return policy.options.get(self.name, self.default)


def number(name: str, default: float | None, *, least: float = 0.0, most: float = inf) -> Option:
    """A finite number from `least` to `most`."""
    ends = f"a number from {least:g} to {most:g}" if most < inf else f"a number, {least:g} or more"
    return Option(
        name,
        default,
        lambda value: type(value) in (int, float) and least <= value <= most and value < inf,
        ends,
    )


def flag(name: str) -> Option:
    return Option(name, False, lambda value: isinstance(value, bool), "true or false")


def word(name: str, default: str) -> Option:
    return Option(name, default, lambda value: isinstance(value, str) and value != "", "a name")


def words(name: str, *default: str) -> Option:
    return Option(
        name,
        list(default),
        lambda value: isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value),
        'a list of names, such as ["one", "two"]',
    )


def check(policy: Policy) -> None:
    """Raises UsageError on an option that no rule has, or whose value is of the wrong kind."""
    known = {option.name: option for name in names("rules") for option in getattr(load("rules", name), "OPTIONS", ())}
    for name, value in policy.options.items():
        if name not in known:
            hint = did_you_mean(name, known, "options")
            raise UsageError(f"no rule has the option `{name}`", where="[gate.options]", next=hint)
        if not known[name].fits(value):
            raise UsageError(
                f"the option `{name}` must be {known[name].kind}", where="[gate.options]", next=f"fix {name}"
            )
