"""Measure A/A noise beside a difference: how many cases flip when the baseline is asked again."""

from collections.abc import Sequence

from msgspec.structs import replace

from harness.gate.units import scored
from harness.types import Comparison, Finding


def flips(control: Comparison) -> int:
    """Cases whose score under one and the same arm changed."""
    return sum(pair.baseline != pair.candidate for pair in scored(control))


def beside(finding: Finding, controls: Sequence[Comparison]) -> Finding:
    """The finding with the flips of its baseline's control on the same suite, where there is one."""
    for one in controls:
        if (one.suite.name, one.baseline) == (finding.suite.split("[")[0], finding.baseline):
            noise = {"aa_flips": flips(one), "aa_n": len(scored(one))}
            return replace(finding, counts=finding.counts | noise)
    return finding
