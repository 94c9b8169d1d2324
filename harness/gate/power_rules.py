"""Compute what a set of suites can detect from the number of its cases alone."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod

from harness.gate import options as gate_options
from harness.gate.statistics.power import cases_needed, power
from harness.gate.statistics.spending import spent
from harness.gate.wording import label
from harness.types import Finding, Guard, Policy, Suite, Target

DISCORDANCE = gate_options.number("discordance", 0.1, most=1.0)
GAIN = gate_options.number("expected_gain", 0.2, most=1.0)
POWER = gate_options.number("power", 0.8, least=0.01, most=0.99)
DESIGN = gate_options.number("design_effect", 1.0, least=0.01)
MOST_MARGIN = 25
"""Points; a guard with a larger margin guards nothing."""
OPTIONS = (DISCORDANCE, GAIN, POWER, DESIGN)


def planned(suites: Sequence[Suite], policy: Policy, looks: Mapping[str, int]) -> Iterator[Finding]:
    """One finding a target or guard, in order of name: pass, or unresolved with the cases that are missing.

    `looks` maps suites to the number of the look that is planned; 1 where nothing is said.
    """
    discordance = float(DISCORDANCE.of(policy))
    for suite in sorted(suites, key=lambda suite: suite.name):
        role, alpha = suite.role, spent(policy.alpha, looks.get(suite.name, 1))
        if isinstance(role, Guard) and role.margin > 0:
            what = f"a loss of {100 * role.margin:.1f} points"
            yield _finding(suite, alpha, policy, what, bound=-role.margin, truth=0.0, discordance=discordance)
        elif isinstance(role, Target):
            gain = max(float(GAIN.of(policy)), min(3 * role.min_gain, 1.0))
            what = f"a gain of {100 * gain:.1f} points where {100 * role.min_gain:.1f} are asked for"
            yield _finding(suite, alpha, policy, what, bound=role.min_gain, truth=gain, discordance=discordance + gain)


def _finding(
    suite: Suite, alpha: float, policy: Policy, what: str, *, bound: float, truth: float, discordance: float
) -> Finding:
    wanted, design = float(POWER.of(policy)), float(DESIGN.of(policy))
    discordance = min(discordance, 1.0)
    n, name = suite.cases, label(suite.name)
    forecast = power(n, bound, truth, discordance, alpha, design) if n else 0.0
    counts = {"n": n, "power": round(forecast, 4), "discordance": discordance, "design_effect": design}
    if forecast >= wanted and n >= policy.min_cases:
        text = f"With {n:,} cases of {name}, {what} would be detected {forecast:.0%} of the time, if {discordance:.0%} of them differ."
        return Finding(
            rule="power", suite=suite.name, outcome="pass", sentence=text, counts=counts, formula="tango_exact"
        )
    planned = cases_needed(bound, truth, discordance, alpha, wanted, design) if truth > bound else n + 1
    needed = max(planned, policy.min_cases) - n
    return Finding(
        rule="power",
        suite=suite.name,
        outcome="unresolved",
        sentence=f"With {n:,} cases of {name}, {what} would be detected {forecast:.0%} of the time; {needed:,} more cases are needed.",
        bound=bound,
        counts=counts | {"needed": needed},
        formula="tango_exact",
        next=f"add cases to {suite.file or suite.name}, or ask for less",
    )


def least_margin(suite: Suite, policy: Policy, planned: Finding) -> float | None:
    """The smallest margin, in half points, that the suite's cases can be shown to stay within; None where none is, or where
    there are fewer cases than the policy's minimum. `planned`: what the plan says of the suite."""
    if suite.cases < policy.min_cases:
        return None
    wanted, design, alpha = float(POWER.of(policy)), float(DESIGN.of(policy)), spent(policy.alpha, 1)
    discordance = float(planned.counts["discordance"])
    for half_points in range(1, 2 * MOST_MARGIN + 1):
        if power(suite.cases, -half_points / 200, 0.0, discordance, alpha, design) >= wanted:
            return half_points / 200
    return None


def joint(found: Sequence[Finding], suites: Sequence[Suite]) -> Iterator[Finding]:
    """The power of all guards together, were they independent: each must hold, so it is the product."""
    guards = {suite.name for suite in suites if isinstance(suite.role, Guard)}
    powers = [one.counts["power"] for one in found if one.suite in guards]
    if len(powers) > 1:
        together = prod(powers)
        yield Finding(
            rule="power",
            suite="",
            outcome="info",
            sentence=f"All {len(powers)} guards together pass with {together:.0%} power, if nothing truly changed.",
            counts={"power": round(together, 4), "guards": len(powers)},
            formula="product",
        )
