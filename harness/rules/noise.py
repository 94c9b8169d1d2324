"""A/A: an arm against itself. What differs there is noise, and stands beside every difference."""

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from harness.rules import _measure as measure
from harness.rules import _words as words
from harness.rules._context import Context
from harness.rules._noise import flips
from harness.statistics.alarm import false_alarm_rate
from harness.types import Comparison, Finding


def findings(context: Context) -> Iterator[Finding]:
    for comparison in context.controls:
        if len(measure.scored(comparison)) >= 2:
            yield _judge(comparison, context)


def _judge(comparison: Comparison, context: Context) -> Finding:
    pairs = measure.scored(comparison)
    flipped = flips(comparison)
    found = measure.measure(comparison, context.policy.alpha)
    finding = measure.measured(measure.start("noise", comparison), comparison, found, 0.0, context.policy.alpha)
    alarm = not found.weakness and min(found.above(0.0), found.below(0.0)) <= context.policy.alpha / 2
    name, share = words.label(comparison.suite.name), flipped / len(pairs)
    text = f"{name}: {comparison.baseline} against itself flips {flipped} of {len(pairs)} cases ({share:.1%})"
    rate = _false_alarm(comparison, context)
    if rate:
        text += f", and the gate would call that a gain in {rate['false_alarm']:.1%} of such pairs"
    tail = "; the two runs differ by more than chance, so something besides the model changed" if alarm else ""
    return replace(
        finding,
        outcome="invalid" if alarm else "info",
        sentence=f"{text}{tail}.",
        counts=finding.counts | {"flips": flipped} | rate,
        next="run both arms again under one setting" if alarm else "",
    )


def _false_alarm(comparison: Comparison, context: Context) -> dict[str, float]:
    """The gate's own false-alarm rate on these cases, for scores from 0 to 1 whose mean decides."""
    pairs = measure.scored(comparison)
    if not words.is_rate(comparison) or comparison.suite.corpus:
        return {}
    differences = np.array([float(pair.candidate or 0.0) - float(pair.baseline or 0.0) for pair in pairs])
    clusters = [pair.cluster or pair.case_id for pair in pairs]
    return {"false_alarm": round(false_alarm_rate(differences, clusters, context.policy.alpha), 4)}
