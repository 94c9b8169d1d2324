"""How often does `trueup watch` raise a false alarm, and how soon does it see a rise? Simulated nights of counts.

    python -m benchmarks.watch                 1,000 series a row (some minutes)
    python -m benchmarks.watch --series 200 --seed 4 --only weekdays weeks

Each series is 90 nights of 1,000 calls a day, and 30 shares are watched at once. `independent`: calls are independent.
`weekdays`: besides, each share has a weekly pattern (a fifth up and down) and days that scatter beyond chance (beta-binomial,
three times the variance). The correction for dispersion was made on that row with seed 17, so the others check it on what it was
not made for: less and more scatter, a stronger week, and `weeks`, in which neighbouring days are alike (an autoregression of
0.6 a day: bad days come in runs). A rise is of one share by 10 points, on night 30.
Last line: {"independent": {"false_alarms": ..., "within_7": ..., "median_nights": ...}, ...}.
"""

import argparse
import json

import numpy as np

from harness.gate.statistics.shift import Weighed, shift, spent, weigh

NIGHTS, CALLS, SHARES, RISE_AT, WITHIN = 90, 1_000, 30, 30, 7
ALPHA = 0.05
SCATTER = {
    "independent": (1.0, 0.0, 0.0),
    "weekdays": (3.0, 0.2, 0.0),
    "calm": (1.5, 0.1, 0.0),
    "wild": (6.0, 0.2, 0.0),
    "strong_week": (2.0, 0.4, 0.0),
    "weeks": (3.0, 0.1, 0.6),
}
"""Name to the variance of a day over that of independent calls, how far the week goes up and down, and how far a day's scatter is
that of the day before."""


def counts(rng: np.random.Generator, share: float, kind: str, rise: float = 0.0) -> np.ndarray:
    """Events of each night, shape (NIGHTS,)."""
    dispersion, week, memory = SCATTER[kind]
    nights = np.arange(NIGHTS)
    shares = share * (1 + week * np.sin(2 * np.pi * nights / 7)) + rise * (nights >= RISE_AT)
    if memory:
        noise = np.zeros(NIGHTS)
        for night in nights[1:]:
            noise[night] = memory * noise[night - 1] + np.sqrt(1 - memory**2) * rng.standard_normal()
        scatter = np.sqrt((dispersion - 1) * shares * (1 - shares) / CALLS)
        shares = np.clip(shares + scatter * noise, 0.001, 0.999)
    elif dispersion > 1:
        size = (CALLS - 1) / (dispersion - 1) - 1
        shares = rng.beta(shares * size, (1 - shares) * size)
    return rng.binomial(CALLS, shares).astype(float)


def first_alarm(weighed: Weighed, rank: int) -> int:
    """The night of the alarm of the share of that rank; -1: none."""
    seen = shift(weighed, rank, spent(rank, ALPHA))
    return seen.first if seen else -1


def alarms(events: np.ndarray) -> bool:
    """Whether any of the shares, shape (SHARES, NIGHTS), ever raises an alarm."""
    weighed = weigh(events, np.full(events.shape, float(CALLS)))
    return any(first_alarm(weighed, rank) >= 0 for rank in range(len(events)))


def nights_until(events: np.ndarray) -> int:
    """Nights from a rise of the last share to its alarm, the night of the rise counted as 1; NIGHTS when it is missed. Being
    the last in rank it has the smallest part of alpha."""
    first = first_alarm(weigh(events, np.full(events.shape, float(CALLS))), SHARES - 1)
    return first - RISE_AT + 1 if first >= RISE_AT else NIGHTS


def series_of(rng: np.random.Generator, kind: str) -> tuple[int, bool]:
    """Nights until a rise is found, and whether the same traffic without it raises any alarm."""
    events = np.array([counts(rng, rng.uniform(0.005, 0.3), kind) for _ in range(SHARES)])
    is_false = alarms(events)
    events[-1] = counts(rng, rng.uniform(0.02, 0.2), kind, rise=0.1)
    return nights_until(events), is_false


def measure(kind: str, series: int, seed: int = 17) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    waits, false = zip(*(series_of(rng, kind) for _ in range(series)), strict=True)
    return {
        "false_alarms": float(np.mean(false)),
        "within_7": float(np.mean(np.asarray(waits) <= WITHIN)),
        "median_nights": float(np.median(waits)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--only", nargs="*", choices=SCATTER, default=list(SCATTER))
    given = parser.parse_args()
    print(json.dumps({kind: measure(kind, given.series, given.seed) for kind in given.only}))


if __name__ == "__main__":
    main()
