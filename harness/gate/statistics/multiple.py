"""Correct for many tests at once."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import false_discovery_control


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values: any at or below alpha may be acted on with that family-wise error. Holm (1979), Scand. J.
    Statistics 6:65.

    statsmodels has the same, but collects garbage in each call: seconds where models are loaded.
    """
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1.0)
    return [float(p) for p in adjusted]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values: of those at or below q, at most a share q is false on average. Benjamini and Hochberg (1995)."""
    return [float(p) for p in false_discovery_control(p_values)] if p_values else []
