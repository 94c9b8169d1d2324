"""Compute what gain or loss the suites can detect, before anything is trained.

A guard is planned for a model that did not change, a target for one that gains `expected_gain` (or three times what is
asked for, whichever is more). What cannot be shown with 80 % power is unresolved here, with the cases that are missing:
training for it would end in "undecided" whatever the model did. Options of the policy: `discordance` (share of cases
whose outcome is expected to differ, 0.1), `expected_gain` (0.2), `power` (0.8), `design_effect` (1.0: independent cases).
"""

from collections.abc import Mapping, Sequence

from harness.gate import options as gate_options
from harness.gate.power_rules import joint, planned
from harness.types import Finding, Policy, Suite


def plan(suites: Sequence[Suite], policy: Policy, looks: Mapping[str, int] | None = None) -> tuple[Finding, ...]:
    """One finding a target or guard, from the number of its cases alone: pass, or unresolved with `needed`; and, told
    only, the power of all guards together. `looks` maps suites to the number of the look that is planned, 1 if left out. Raises UsageError on an option of the policy that no rule has."""
    gate_options.check(policy)
    found = tuple(planned(suites, policy, looks or {}))
    return (*found, *joint(found, suites))
