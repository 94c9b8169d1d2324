"""Adapters that change nothing on traffic, or a little, judged by their net effect; see `benchmarks.gate_calibration`.

Production answers right with some chance, and the base gives production's answers. An adapter answers a share of all calls anew,
with the base's own chance to be right: what it fixes and breaks cancel out, though failures can only rise and passes only fall.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.gate_calibration_cells import ALPHA, Cell, Rng
from benchmarks.gate_calibration_corners import NIGHTS
from harness.gate import measure
from harness.gate.rules.net_effect import effect
from harness.gate.statistics.spending import spent
from harness.types import Comparison, Guard, Info, Pair, Share, Suite, Target

METHOD = "net effect on traffic"
CALLS = 5000
SUITES = {
    "held_out": Suite(name="held_out", role=Target(), mined="held_out", metric="x"),
    "regression": Suite(name="regression", role=Guard(), mined="regression", metric="x"),
    "production": Suite(name="production", role=Info(), mined="production", metric="x"),
}


@dataclass(frozen=True)
class Design:
    """What is asked of a candidate, and how the shares are known."""

    name: str
    cases: dict[str, int]
    """Mined split to its number of cases."""
    users: int = 1
    """Cases of each user, all of which change together."""
    reviewed: int = 0
    """Calls that people checked at random; 0: it is known of every call whether it failed."""
    routes: tuple[float, ...] = (1.0,)
    """Share of traffic of each route; the cases are spread evenly over them."""

    @property
    def n(self) -> int:
        return sum(self.cases.values())


DESIGNS = (
    Design("100 failures, 300 passes", {"held_out": 100, "regression": 300}),
    Design("40 failures, 100 passes", {"held_out": 40, "regression": 100}),
    Design("100 failures, 300 passes, users of 5", {"held_out": 100, "regression": 300}, users=5),
    Design("100 failures, 300 passes, 60 calls reviewed", {"held_out": 100, "regression": 300}, reviewed=60),
    Design(
        "120 failures, 300 passes, routes of 90 % and 10 %", {"held_out": 120, "regression": 300}, routes=(0.9, 0.1)
    ),
    Design("1,000 calls at random", {"production": 1000}),
)
ANEW = ((0.95, 0.2), (0.85, 0.2), (0.6, 0.2), (0.9, 0.5))
"""How often production is right, and the share of calls that is answered anew."""


def cells(runs: int, rng: Rng) -> Iterator[Cell]:
    """Nothing is gained on traffic; what passes is a false promotion. Before: both mined suites passed by themselves."""
    for design in DESIGNS:
        for right, anew in ANEW if "production" not in design.cases else ANEW[::3]:  # these take ten times as long
            draws = [night(design, right, anew * right, anew * (1 - right), rng) for _ in range(runs)]
            setting = f"{design.name}; right in {right:.0%}, {anew:.0%} answered anew"
            mined = "production" not in design.cases
            old = float(np.mean([suites_alone(each[0]) for each in draws])) if mined else None
            now = float(np.mean([passes(each, ALPHA) for each in draws]))
            yield Cell(METHOD, setting, design.n, now, runs, tuple(at_looks(draws)), old)


def power_rows(runs: int, rng: Rng) -> Iterator[tuple[str, int, float, float]]:
    """Setting, n, how often a true gain of 3 points on traffic is shown by the suites alone, and by the net effect."""
    for design in DESIGNS:
        draws = [night(design, 0.8, 0.25, 0.025, rng) for _ in range(runs)]
        alone = float(np.mean([suites_alone(each[0]) for each in draws])) if "production" not in design.cases else 0.0
        yield (
            f"3 points more on traffic: {design.name}",
            design.n,
            alone,
            float(np.mean([passes(d, ALPHA) for d in draws])),
        )


Night = tuple[dict[str, Comparison | None], tuple[Share, ...]]


def night(design: Design, right: float, fixes: float, breaks: float, rng: Rng) -> Night:
    """The suites of one night, and the shares as they were counted on its calls."""
    shares: list[Share] = []
    for route, of_traffic in enumerate(design.routes):
        calls = int(CALLS * of_traffic)
        failed = int(rng.binomial(calls, 1 - right))
        checked = int(round(design.reviewed * of_traffic))
        wrong = int(rng.binomial(checked, 1 - right))
        kinds = ((False, calls - failed, checked - wrong), (True, failed, wrong))
        shares += [Share(route=str(route), failed=bad, calls=n, reviewed=seen) for bad, n, seen in kinds]
    suites = {name: suite(design, name, right, fixes, breaks, rng) for name in design.cases}
    return suites if "production" in suites else {"held_out": None, "regression": None, **suites}, tuple(shares)


def suite(design: Design, name: str, right: float, fixes: float, breaks: float, rng: Rng) -> Comparison:
    """Cases of one split. All cases of a user share their luck."""
    n = design.cases[name]
    users = np.arange(n) // design.users
    failed = {"held_out": np.ones(n), "regression": np.zeros(n)}.get(name, rng.random(n) >= right).astype(bool)
    luck = rng.random(n)[users]
    after = np.where(failed, luck < fixes, luck >= breaks)
    pairs = tuple(
        Pair(
            case_id=f"{name}-{at}",
            baseline=float(not failed[at]),
            candidate=float(after[at]),
            cluster=f"u{users[at]}" if design.users > 1 else "",
            stratum=(str(at % len(design.routes)), "", bool(failed[at])),
        )
        for at in range(n)
    )
    return Comparison(
        suite=SUITES[name], baseline="base", candidate="tuned", metric="x", pairs=pairs, binary=design.users == 1
    )


def passes(night: Night, alpha: float) -> bool:
    """Whether a net effect above 0 is shown."""
    return effect(*night, alpha)[1].low > 0


def suites_alone(suites: dict[str, Comparison | None]) -> bool:
    """What the gate asked for before: a gain on failures, and a loss of less than 3 points on passes."""
    bounds = {"held_out": 0.0, "regression": -0.03}
    asked = [(bounds[name], each) for name, each in suites.items() if each is not None]
    return all(measure.measure(each, ALPHA).interval.low > bound for bound, each in asked)


def at_looks(draws: list[Night]) -> Iterator[float]:
    """The share that passes at each of 20 looks. What does not pass at one does not at the next, which asks for more."""
    left = draws
    for look in range(1, NIGHTS + 1):
        left = [each for each in left if passes(each, spent(ALPHA, look))]
        yield len(left) / len(draws)
