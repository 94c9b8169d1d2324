"""Corners in which a sample lacks what decides, and what twenty nights of looks add up to; see `benchmarks.gate_calibration`."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import binom

from benchmarks.gate_calibration_cells import ALPHA, Cell, Decide, Rng, clustered, passed_before, passes
from harness.gate.stage import gate
from harness.gate.statistics.effective import one_rate
from harness.gate.statistics.power import power
from harness.gate.statistics.spending import spent
from harness.types import Comparison, Guard, Pair, Policy, Suite, Target

NIGHTS = 20
GRADED = ((0.05, 0.0), (0.1, 0.0), (0.2, 0.0), (0.1, 0.05), (0.2, 0.05), (0.02, -0.05))
"""Gain of every case that does not fail, and the true mean, which is the bound too."""


def at_looks(decide: Decide, data: list) -> tuple[float, ...]:
    """How many pass at the share of alpha of each of 20 looks. What does not pass at one does not at the
    next, which asks for more."""
    passed = []
    for look in range(1, NIGHTS + 1):
        data = [one for one in data if decide(one, spent(ALPHA, look))]
        passed.append(len(data))
    return tuple(float(count) for count in passed)


def graded_cells() -> Iterator[Cell]:
    """Scores from 0 to 1: all cases gain a little and rare ones fail as a whole. Summed over how many the sample holds."""
    for gain, bound in GRADED:
        rare = (gain - bound) / (1 + gain)
        kind = f"target at {bound:.0%}" if bound >= 0 else f"guard at its margin of {-bound:.0%}"
        for n in (20, 50, 100, 200, 500):
            chances = binom.pmf(np.arange(n + 1), n, rare)
            samples = [(k, np.array([gain] * (n - k) + [-1.0] * k)) for k in range(n + 1) if chances[k] > 1e-9]

            def total(
                rule: Callable, alpha: float, of: list = samples, chance: np.ndarray = chances, at: float = bound
            ) -> float:
                return sum(float(chance[k]) for k, values in of if rule(values, np.arange(len(values)), at, alpha))

            looks = tuple(total(passes, spent(ALPHA, look)) for look in range(1, NIGHTS + 1))
            setting = f"{kind}, others gain {gain:.0%}"
            yield Cell("graded", setting, n, total(passes, ALPHA), 0, looks, total(passed_before, ALPHA))


def zipf(n: int, users: int, power_of: float) -> np.ndarray:
    """Cases of each user, the r-th having a share of 1 / r^power."""
    weights = 1 / np.arange(1, users + 1) ** power_of
    return np.maximum(1, np.round(n * weights / weights.sum())).astype(int)


UNEQUAL = {
    "Zipf users, 1/r": zipf(500, 100, 1.0),
    "Zipf users, 1/r^0.7": zipf(500, 120, 0.7),
    "one session of 100 among 100": np.array([100] + [1] * 100),
    "one session of 20 among 100": np.array([20] + [1] * 100),
    "log-normal sizes": np.maximum(1, np.round(np.random.default_rng(0).lognormal(1, 1, 80))).astype(int),
}


def unequal_cells(runs: int, rng: Rng) -> Iterator[Cell]:
    """Users of unlike sizes, whose cases share one fate or half of them do, at a loss of the margin and at no gain."""
    for name, sizes in UNEQUAL.items():
        for discordance, bound in ((0.3, -0.03), (0.1, -0.1), (0.2, 0.0)):
            for together in (0.5, 1.0):
                draws = [clustered(sizes, discordance, bound, together, rng) for _ in range(runs)]
                setting = f"{name}, {together:.0%} together, discordance {discordance:.0%}, bound {bound:.0%}"
                yield _counted("unequal clusters", setting, int(sizes.sum()), draws, bound)


def broken_cluster_cells(runs: int, rng: Rng) -> Iterator[Cell]:
    """Every user gains in some cases and rare users lose all of theirs, so that nothing is gained."""
    for groups, size, gain in ((30, 20, 0.05), (60, 20, 0.1), (60, 5, 0.1), (100, 10, 0.2)):
        draws = []
        for _ in range(runs):
            values = (rng.random((groups, size)) < gain).astype(float)
            values[rng.random(groups) < gain / (1 + gain)] = -1.0
            draws.append((values.ravel(), np.repeat(np.arange(groups), size)))
        yield _counted("a user who breaks", f"{groups} users of {size}, {gain:.0%} gain", groups * size, draws, 0.0)


def _counted(method: str, setting: str, n: int, draws: list, bound: float) -> Cell:
    runs = len(draws)
    held = [one for one in draws if passes(*one, bound, ALPHA)]
    looks = at_looks(lambda one, alpha: passes(*one, bound, alpha), held)
    old = float(np.mean([passed_before(*one, bound, ALPHA) for one in draws]))
    return Cell(method, setting, n, len(held) / runs, runs, tuple(count / runs for count in looks), old)


def budget_cells() -> Iterator[Cell]:
    """A budget whose truth is its limit: 2 % of the replies stall for a minute. Summed over how many the sample holds."""
    for n in (30, 60, 200, 500):
        chances = binom.pmf(np.arange(n + 1), n, 0.02)
        index, level = np.arange(n), 1 - 2 * ALPHA
        mean = stalls = 0.0
        for k in (k for k in range(n + 1) if chances[k] > 1e-9):
            slow = np.array([1.0] * k + [0.0] * (n - k))
            seconds = (1.0 + 59.0 * slow) / 60
            mean += float(chances[k]) * (60 * one_rate(seconds, index, level).high <= 1.0 + 0.02 * 59)
            stalls += float(chances[k]) * (one_rate(slow, index, level).high <= 0.02)
        yield Cell("budget", "mean seconds, range 0 to 60", n, mean, 0)
        yield Cell("budget", "98 % of the replies within 2 seconds", n, stalls, 0)


def exact_nights(n: int) -> Cell:
    """Independent pass/fail cases that gain nothing, 20 % of them differing."""
    looks = tuple(power(n, 0.0, 0.0, 0.2, spent(ALPHA, look)) for look in range(1, NIGHTS + 1))
    one = power(n, 0.0, 0.0, 0.2, ALPHA)
    return Cell("tango_exact", "no gain, discordance 20%", n, one, 0, looks, one)


def nights(cell: Cell) -> float:
    """Chance that any of 20 independent candidates passes, each at its look."""
    return float(1 - np.prod(1 - np.array(cell.looks)))


def nights_before(cell: Cell) -> float:
    """The same with the whole of alpha at each look, and the rule that the gate had before."""
    return float(1 - (1 - (cell.old if cell.old is not None else cell.passed)) ** NIGHTS)


def power_rows() -> Iterator[tuple[str, int, float, tuple[float, float, float]]]:
    """Setting, n, the power with the whole of alpha at one look (as before), and that of looks 1, 5 and 20: exact."""
    for what, bound, truth, discordance in (
        ("guard of 3 points, nothing changed, discordance 5%", -0.03, 0.0, 0.05),
        ("guard of 5 points, nothing changed, discordance 10%", -0.05, 0.0, 0.10),
        ("target at 0, a true gain of 10 points, discordance 20%", 0.0, 0.10, 0.20),
        ("target at 5 points, a true gain of 20, discordance 30%", 0.05, 0.20, 0.30),
    ):
        for n in (100, 200, 500, 1000):
            now = tuple(power(n, bound, truth, discordance, spent(ALPHA, look)) for look in (1, 5, 20))
            yield what, n, power(n, bound, truth, discordance, ALPHA), (now[0], now[1], now[2])


def clustered_power(runs: int, rng: Rng) -> Iterator[tuple[str, int, float, float]]:
    """Setting, n, how often the rule before and the one now pass an unchanged model, both at the whole of alpha."""
    for groups, size, together in ((100, 5, 0.0), (100, 5, 0.5), (100, 5, 1.0), (400, 5, 0.5)):
        draws = [clustered(np.full(groups, size), 0.1, 0.0, together, rng) for _ in range(runs)]
        rates = [float(np.mean([rule(*one, -0.05, ALPHA) for one in draws])) for rule in (passed_before, passes)]
        yield f"guard of 5 points, clusters of {size}, {together:.0%} together", groups * size, rates[0], rates[1]
    for n in (100, 200, 500):
        draws = [(rng.normal(0, 0.15, n).clip(-1, 1), np.arange(n)) for _ in range(runs)]
        rates = [float(np.mean([rule(*one, -0.05, ALPHA) for one in draws])) for rule in (passed_before, passes)]
        yield "guard of 5 points, graded scores that move by 15 points", n, rates[0], rates[1]


def same_against_same(runs: int, rng: Rng) -> float:
    """Share of promotions by the whole gate when the candidate is the base model again, with 5 % of the cases flipping;
    the target asks for no more than any gain, the easiest that can be asked."""
    suites: tuple[tuple[str, Target | Guard, int], ...] = (
        ("target", Target(min_gain=0.0), 200),
        ("guard", Guard(margin=0.08), 200),
    )
    promoted = sum(
        gate([_noise(*one, rng) for one in suites], Policy(), candidate="same").outcome == "promote"
        for _ in range(runs)
    )
    return promoted / runs


def _noise(name: str, role: Target | Guard, n: int, rng: Rng) -> Comparison:
    before = rng.random(n) < 0.5
    after = np.where(rng.random(n) < 0.05, ~before, before)
    pairs = tuple(
        Pair(case_id=f"{i}", baseline=float(x), candidate=float(y), cluster=f"{i}")
        for i, (x, y) in enumerate(zip(before, after, strict=True))
    )
    suite = Suite(name=name, role=role, cases=n)
    return Comparison(suite=suite, baseline="base", candidate="tuned", metric="right", pairs=pairs, binary=True)
