"""How often is a harmless canary rolled back, and how soon is a harmful one? Simulated people, days and looks.

    python -m benchmarks.canary                 200 canaries a row (some minutes)
    python -m benchmarks.canary --series 50

A canary runs 60 days with a share of 5 % and is judged every day on six metrics. `alike`: people of one day are alike. `mixed`: people
come back on other days, each has a failure rate of their own, and the rate drifts over the day and the weeks. Harm is +10 points of
failed calls, from 10 %, for every person of the candidate's arm.
Last line: {"alike": {"rolled_back": ..., "within_14": ..., "median_days": ...}, ...}.
"""

import argparse
import json

import numpy as np

from harness.gate.statistics.randomized import effect

DAYS, SHARE, ALPHA, METRICS, RATE, HARM, WITHIN = 60, 0.05, 0.05, 6, 0.1, 0.1, 14
REGULARS = 3_000
"""People who come back, of whom each day has some."""


def people(rng: np.random.Generator, kind: str, a_day: int, days: int, harm: float) -> tuple[np.ndarray, np.ndarray]:
    """Arm and failure (0 or 1) of each unit in order, shape (days * a_day,) each."""
    arms = rng.random(days * a_day) < SHARE
    rates = np.full(arms.shape, RATE)
    if kind == "mixed":
        own = rng.beta(0.5, 4.5, REGULARS)  # mean 0.1, widely spread
        rates = own[rng.integers(0, REGULARS, arms.size)]
        hour, week = np.arange(arms.size) % a_day / a_day, np.arange(arms.size) / arms.size
        rates = np.clip(rates * (0.5 + hour) * (0.7 + 0.6 * week), 0, 1)
    return arms, (rng.random(arms.size) < np.clip(rates + harm * arms, 0, 1)).astype(float)


def harmed(arms: np.ndarray, failed: np.ndarray) -> bool:
    """Whether any look up to now has shown harm; what is ruled out once stays so, so the last look knows of all."""
    return effect(arms, failed, SHARE, ALPHA / METRICS).interval.low > 0


def false_alarm(rng: np.random.Generator, kind: str, a_day: int) -> bool:
    return any(harmed(*people(rng, kind, a_day, DAYS, 0.0)) for _ in range(METRICS))


def days_to_find(rng: np.random.Generator, kind: str, a_day: int) -> int:
    """The first day whose look shows the harm; DAYS + 1 where none does."""
    arms, failed = people(rng, kind, a_day, DAYS, HARM)
    low, high = 1, DAYS + 1
    while low < high:
        day = (low + high) // 2
        low, high = (low, day) if harmed(arms[: day * a_day], failed[: day * a_day]) else (day + 1, high)
    return low


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=200)
    parser.add_argument("--people", type=int, default=1_000, help="people a day, both arms together")
    asked = parser.parse_args()
    rows = {}
    for kind in ("alike", "mixed"):
        rng = np.random.default_rng(20)
        alarms = sum(false_alarm(rng, kind, asked.people) for _ in range(asked.series))
        found = [days_to_find(rng, kind, asked.people) for _ in range(asked.series)]
        rows[kind] = {
            "series": asked.series,
            "rolled_back": alarms / asked.series,
            "within_14": float(np.mean([day <= WITHIN for day in found])),
            "median_days": float(np.median(found)),
        }
        print(kind, rows[kind])
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
