"""Correct for many tests at once."""

from collections.abc import Sequence

from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values: any at or below alpha may be acted on with that family-wise error. Holm (1979), Scand. J.
    Statistics 6:65."""
    return [float(p) for p in multipletests(p_values, method="holm")[1]] if p_values else []


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values: of those at or below q, at most a share q is false on average. Benjamini and Hochberg (1995)."""
    return [float(p) for p in false_discovery_control(p_values)] if p_values else []
