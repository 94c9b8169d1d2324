"""Show A/A noise: an arm against itself, beside every difference.

An arm that differs from itself by more than chance makes the verdict invalid. There are as many of these tests as arms
and suites, so Holm's correction holds the chance of any false one at alpha.
"""

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from harness.gate import measure, units, wording
from harness.gate.context import Context
from harness.gate.noise_beside import flips
from harness.gate.statistics.alarm import false_alarm_rate
from harness.gate.statistics.multiple import holm
from harness.gate.statistics.paired import Paired
from harness.types import Comparison, Finding

ADVICE = True
"""Its intervals are of something else than the suite's difference: they decide nothing."""


def findings(context: Context) -> Iterator[Finding]:
    controls = [one for one in context.controls if len(units.scored(one)) >= 2]
    found = [measure.measure(one, context.policy.alpha) for one in controls]
    adjusted = holm([_two_sided(one) for one in found])
    for comparison, one, p in zip(controls, found, adjusted, strict=True):
        yield _judge(comparison, one, p, context)


def _two_sided(found: Paired) -> float:
    return 1.0 if found.weakness else min(1.0, 2 * min(found.above(0.0), found.below(0.0)))


def _judge(comparison: Comparison, found: Paired, p: float, context: Context) -> Finding:
    pairs = units.scored(comparison)
    flipped = flips(comparison)
    finding = measure.measured(measure.start("noise", comparison), comparison, found, 0.0, context.policy.alpha)
    alarm = p <= context.policy.alpha
    name, share = wording.label(comparison.suite.name), flipped / len(pairs)
    text = f"{name}: {comparison.baseline} against itself flips {flipped} of {len(pairs)} cases ({share:.1%})"
    rate = _false_alarm(comparison, context)
    if rate:
        text += f", and the gate would call that a gain in {rate['false_alarm']:.1%} of such pairs"
    tail = "; the two runs differ by more than chance, so something besides the model changed" if alarm else ""
    return replace(
        finding,
        outcome="invalid" if alarm else "info",
        sentence=f"{text}{tail}.",
        p_value=_two_sided(found),
        counts=finding.counts | {"flips": flipped, "holm_p": round(p, 6)} | rate,
        next="run both arms again under one setting" if alarm else "",
    )


def _false_alarm(comparison: Comparison, context: Context) -> dict[str, float]:
    """The gate's own false-alarm rate on these cases, for scores from 0 to 1 whose mean decides."""
    pairs = units.scored(comparison)
    if not wording.is_rate(comparison) or comparison.suite.corpus:
        return {}
    differences = np.array([float(pair.candidate or 0.0) - float(pair.baseline or 0.0) for pair in pairs])
    clusters = [units.cluster(pair) for pair in pairs]
    return {"false_alarm": round(false_alarm_rate(differences, clusters, context.alpha(comparison.suite.name)), 4)}
