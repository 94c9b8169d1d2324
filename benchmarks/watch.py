"""How often does `trueup watch` raise a false alarm, and how soon does it see a rise? Simulated nights of counts.

    python -m benchmarks.watch                 1,000 series a row (a minute or two)
    python -m benchmarks.watch --series 200

Each series is 90 nights of 1,000 calls a day, and 30 shares are watched at once. `independent`: calls are independent.
`weekdays`: besides, each share has a weekly pattern (a fifth up and down) and days that scatter beyond chance (beta-binomial,
three times the variance). A rise is of one share by 10 points, on night 30.
Last line: {"independent": {"false_alarms": ..., "within_7": ..., "median_nights": ...}, ...}.
"""

import argparse
import json

import numpy as np

from harness.gate.statistics.shift import shift, spent

NIGHTS, CALLS, SHARES, RISE_AT, WITHIN = 90, 1_000, 30, 30, 7
ALPHA = 0.05
SCATTER = {"independent": (1.0, 0.0), "weekdays": (3.0, 0.2)}
"""Name to the variance of a day over that of independent calls, and how far the week goes up and down."""


def counts(rng: np.random.Generator, share: float, kind: str, rise: float = 0.0) -> np.ndarray:
    """Events of each night, shape (NIGHTS,)."""
    dispersion, week = SCATTER[kind]
    nights = np.arange(NIGHTS)
    shares = share * (1 + week * np.sin(2 * np.pi * nights / 7)) + rise * (nights >= RISE_AT)
    if dispersion > 1:
        size = (CALLS - 1) / (dispersion - 1) - 1
        shares = rng.beta(shares * size, (1 - shares) * size)
    return rng.binomial(CALLS, shares).astype(float)


def alarms(rng: np.random.Generator, kind: str) -> bool:
    """Whether any of the shares of a stationary series ever raises an alarm."""
    trials = np.full(NIGHTS, float(CALLS))
    for rank in range(SHARES):
        found = shift(counts(rng, rng.uniform(0.005, 0.3), kind), trials, spent(rank, ALPHA))
        if found and found.first >= 0:
            return True
    return False


def nights_until(rng: np.random.Generator, kind: str) -> int:
    """Nights from a rise to its alarm, the night of the rise counted as 1; NIGHTS when it is missed. The share is the last
    in rank, so that it has the smallest part of alpha."""
    events = counts(rng, rng.uniform(0.02, 0.2), kind, rise=0.1)
    found = shift(events, np.full(NIGHTS, float(CALLS)), spent(SHARES - 1, ALPHA))
    return found.first - RISE_AT + 1 if found and found.first >= RISE_AT else NIGHTS


def measure(kind: str, series: int, seed: int = 17) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    waits = [nights_until(rng, kind) for _ in range(series)]
    return {
        "false_alarms": sum(alarms(rng, kind) for _ in range(series)) / series,
        "within_7": float(np.mean(np.asarray(waits) <= WITHIN)),
        "median_nights": float(np.median(waits)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1_000)
    series = parser.parse_args().series
    print(json.dumps({kind: measure(kind, series) for kind in SCATTER}))


if __name__ == "__main__":
    main()
