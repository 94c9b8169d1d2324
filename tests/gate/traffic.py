"""Production in numbers: calls that a base answers right or wrong, and an adapter that fixes some and breaks others."""

import numpy as np

from harness.types import Comparison, Guard, Info, Pair, Share, Suite, Target

HELD_OUT = Suite(name="desk/eval_a::eval_held_out", role=Target(), mined="held_out", metric="x", digest="e")
REGRESSION = Suite(name="desk/eval_a::eval_regression", role=Guard(margin=0.03), mined="regression", metric="x")
PRODUCTION = Suite(name="desk/eval_a::eval_production", role=Info(), mined="production", metric="x")


def shares(passed, failed, route="book"):
    """Calls of one route, with one failure cluster."""
    return (
        Share(route=route, calls=passed, labelled=passed),
        Share(route=route, cluster="c", failed=True, calls=failed, labelled=failed),
    )


def compared(suite, baseline, candidate, failed, route="book", clusters=None, against="base"):
    """A comparison of scores, shape (n,); `failed` says of each case whether production's call failed."""
    pairs = tuple(
        Pair(
            case_id=f"{suite.mined}-{route}-{at}",
            baseline=float(before),
            candidate=float(after),
            cluster=clusters[at] if clusters else "",
            stratum=(route, "c" if bad else "", bool(bad)),
        )
        for at, (before, after, bad) in enumerate(zip(baseline, candidate, failed, strict=True))
    )
    return Comparison(suite=suite, baseline=against, candidate="tuned", metric="x", pairs=pairs, binary=True)


def mined(rng, fixes, breaks, held_out=100, regression=300, clusters=None):
    """The two mined suites under a greedy base, whose own answers production gave."""
    fixed, broken = rng.random(held_out) < fixes, rng.random(regression) < breaks
    return (
        compared(HELD_OUT, np.zeros(held_out), fixed, np.ones(held_out)),
        compared(REGRESSION, np.ones(regression), ~broken, np.zeros(regression)),
    )


def sampled(rng, wrong, fixes, breaks, cases=1000):
    """A random sample of production, of which the base answers the share `wrong` wrong."""
    failed = rng.random(cases) < wrong
    draws = rng.random(cases)
    after = np.where(failed, draws < fixes, draws >= breaks)
    return compared(PRODUCTION, ~failed, after, failed)
