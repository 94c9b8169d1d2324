"""Compare two arms that a random split feeds, with evidence that is valid at every look.

Units (people) come in order and each is in the candidate's arm by a draw of its own, with the chance `share`. They are cut into
blocks of a fixed size. Within a block every assignment with as many candidates was equally likely, so the mean of its candidates
less the mean of its controls is an unbiased estimate of the effect on that block's units, whatever else changed meanwhile: the
hour, the traffic, the world (Neyman 1923; Fisher 1935). Blocks with one arm only tell nothing and are left out. The differences
of the blocks go, in order, into the betting confidence sequence of `harness.gate.statistics.sequential` (Waudby-Smith and
Ramdas, JRSS B 86:1, 2024), so one may look every day, or after each unit, and stop whenever one likes.

The split itself is tested too: a sample ratio that is not `share` means that the arms are not alike, and nothing that is compared
then is an effect of the candidate (Fabijan et al., KDD 2019; the test is a beta-binomial mixture, valid at every look).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import betaln

from harness.gate.statistics.sequential import FORMULA as SEQUENCE
from harness.gate.statistics.sequential import sequence
from harness.types import Interval

LEAST_BLOCK = 6
"""Units of a block at least: of two, half would have one arm only."""


class Effect(NamedTuple):
    """Of the candidate on a share."""

    candidate: float
    control: float
    """Means over units; 0 where there is none."""
    units: tuple[int, int]
    """Of the candidate and of the control."""
    blocks: int
    estimate: float
    interval: Interval
    """Of the mean difference of blocks; each end is passed with a chance of at most alpha, at any look."""
    p_harm: float
    """Of "the candidate's share is not larger"."""
    formula: str


def block_size(share: float) -> int:
    """Units of a block: about one of them the candidate's."""
    return max(LEAST_BLOCK, round(1 / min(share, 1 - share)))


def effect(is_candidate: Sequence[bool], values: Sequence[float], share: float, alpha: float) -> Effect:
    """The candidate's mean less the control's. `is_candidate` and `values` (0 to 1) have an entry a unit, in order, shape (n,)."""
    arms, held = np.asarray(is_candidate, dtype=bool), np.asarray(values, dtype=float)
    size = block_size(share)
    differences = _differences(arms, held, size)
    seen = sequence(differences, alpha)
    return Effect(
        candidate=float(held[arms].mean()) if arms.any() else 0.0,
        control=float(held[~arms].mean()) if (~arms).any() else 0.0,
        units=(int(arms.sum()), int((~arms).sum())),
        blocks=len(differences),
        estimate=seen.estimate,
        interval=seen.interval,
        p_harm=min(1.0, seen.above(0.0)),
        formula=f"{SEQUENCE} over randomized blocks of {size}",
    )


def paired_effect(candidate: Sequence[float], control: Sequence[float], alpha: float) -> Effect:
    """As `effect`, of units that both arms answered, as in shadow. Shape (n,) each."""
    ours, theirs = np.asarray(candidate, dtype=float), np.asarray(control, dtype=float)
    seen = sequence(ours - theirs, alpha)
    return Effect(
        candidate=float(ours.mean()) if ours.size else 0.0,
        control=float(theirs.mean()) if theirs.size else 0.0,
        units=(len(ours), len(theirs)),
        blocks=len(ours),
        estimate=seen.estimate,
        interval=seen.interval,
        p_harm=min(1.0, seen.above(0.0)),
        formula=f"{SEQUENCE} over pairs",
    )


def wrong_split(is_candidate: Sequence[bool], share: float) -> float:
    """p, valid at every look, of "each unit is the candidate's with the chance `share`"."""
    arms = np.asarray(is_candidate, dtype=float)
    if not arms.size:
        return 1.0
    candidates, units = np.cumsum(arms), np.arange(1, len(arms) + 1)
    mixture = betaln(candidates + 0.5, units - candidates + 0.5) - betaln(0.5, 0.5)
    stated = candidates * math.log(share) + (units - candidates) * math.log1p(-share)
    return float(math.exp(-max(0.0, float(np.max(mixture - stated)))))


def _differences(arms: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """One for each whole block that has both arms."""
    whole = len(arms) // size * size
    arms, values = arms[:whole].reshape(-1, size), values[:whole].reshape(-1, size)
    ours = arms.sum(axis=1)
    both = (ours > 0) & (ours < size)
    arms, values, ours = arms[both], values[both], ours[both]
    found: np.ndarray = (arms * values).sum(axis=1) / ours - (~arms * values).sum(axis=1) / (size - ours)
    return found
