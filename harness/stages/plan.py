"""Power first: what gain or loss can these suites resolve? Asked before anything is trained.

A guard is planned for a model that did not change, a target for one that gains `expected_gain` (or three times what is
asked for, whichever is more). What cannot be shown with 80 % power is unresolved here, with the cases that are missing:
training for it would end in "undecided" whatever the model did. Options of the policy: `discordance` (share of cases
whose outcome is expected to differ, 0.1), `expected_gain` (0.2), `power` (0.8), `design_effect` (1.0: independent cases).
"""

from collections.abc import Iterator, Sequence

from harness.rules._words import label
from harness.statistics.power import cases_needed, power
from harness.types import Finding, Guard, Policy, Suite, Target


def plan(suites: Sequence[Suite], policy: Policy) -> tuple[Finding, ...]:
    """One finding a target or guard, from the number of its cases alone: pass, or unresolved with `needed`."""
    return tuple(_findings(suites, policy))


def _findings(suites: Sequence[Suite], policy: Policy) -> Iterator[Finding]:
    discordance = float(policy.options.get("discordance", 0.1))
    for suite in sorted(suites, key=lambda suite: suite.name):
        role = suite.role
        if isinstance(role, Guard) and role.margin > 0:
            what = f"a loss of {100 * role.margin:.1f} points"
            yield _finding(suite, policy, what, bound=-role.margin, truth=0.0, discordance=discordance)
        elif isinstance(role, Target):
            gain = max(float(policy.options.get("expected_gain", 0.2)), min(3 * role.min_gain, 1.0))
            what = f"a gain of {100 * gain:.1f} points where {100 * role.min_gain:.1f} are asked for"
            yield _finding(suite, policy, what, bound=role.min_gain, truth=gain, discordance=discordance + gain)


def _finding(suite: Suite, policy: Policy, what: str, *, bound: float, truth: float, discordance: float) -> Finding:
    wanted, design = float(policy.options.get("power", 0.8)), float(policy.options.get("design_effect", 1.0))
    discordance = min(discordance, 1.0)
    n, name = suite.cases, label(suite.name)
    forecast = power(n, bound, truth, discordance, policy.alpha, design) if n else 0.0
    counts = {"n": n, "power": round(forecast, 4), "discordance": discordance, "design_effect": design}
    if forecast >= wanted and n >= policy.min_cases:
        text = f"{name}: {n:,} cases resolve {what} with {forecast:.0%} power at {discordance:.0%} discordance."
        return Finding(
            rule="power", suite=suite.name, outcome="pass", sentence=text, counts=counts, formula="tango_exact"
        )
    planned = cases_needed(bound, truth, discordance, policy.alpha, wanted, design) if truth > bound else n + 1
    needed = max(planned, policy.min_cases) - n
    return Finding(
        rule="power",
        suite=suite.name,
        outcome="unresolved",
        sentence=f"{name}: {n:,} cases resolve {what} with {forecast:.0%} power only; needs {needed:,} more cases.",
        bound=bound,
        counts=counts | {"needed": needed},
        formula="tango_exact",
        next=f"add cases to {suite.file or suite.name}, or ask for less",
    )
