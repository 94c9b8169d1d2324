"""What a fine-tune does to traffic decides, not what it does to cases that were mined."""

import numpy as np
import pytest
from msgspec.structs import replace

from harness.core.plugins import load
from harness.errors import UsageError
from harness.gate.stage import gate
from harness.types import Policy, Share
from tests.gate.traffic import HELD_OUT, PRODUCTION, REGRESSION, compared, mined, sampled, shares

CALLS = 5000


def verdict(comparisons, known, **policy):
    return gate(comparisons, Policy(**policy), candidate="a", shares=known)


def net(comparisons, known, **policy):
    found = verdict(comparisons, known, **policy).findings
    return next(finding for finding in found if finding.rule == "net_effect")


def test_answering_anew_as_well_as_the_base_is_not_promoted():
    """A fifth of all intents answered anew with the base's own accuracy: what it fixes and breaks cancel out. The mined
    suites alone promoted this in 99 %."""
    rng, promoted = np.random.default_rng(20), 0
    for night in range(200):
        right = (0.95, 0.85)[night % 2]
        failed = rng.binomial(CALLS, 1 - right)
        suites = mined(rng, fixes=0.2 * right, breaks=0.2 * (1 - right))
        promoted += verdict(suites, shares(CALLS - failed, failed)).outcome == "promote"
    assert promoted <= 0.05 * 200


def test_a_sample_of_production_shows_three_points():
    """Power: 1,000 random calls show a true gain of 3 points on traffic in 39 of 40 nights (measured on longer series)."""
    rng, shown = np.random.default_rng(5), 0
    for _ in range(8):
        failed = rng.binomial(20_000, 0.2)
        suites = [*mined(rng, 0.25, 0.025), sampled(rng, 0.2, 0.25, 0.025)]
        shown += net(suites, shares(20_000 - failed, failed)).outcome == "pass"
    assert shown >= 7


def test_a_clear_gain_is_promoted_and_said_first():
    """The verdict's sentence begins with the effect, its interval and its level."""
    found = verdict(mined(np.random.default_rng(1), 0.9, 0.0), shares(4000, 1000))
    assert found.outcome == "promote"
    assert (
        found.sentence.startswith("Promote: net effect on traffic +1")
        and " points over base, 95 % interval +1" in found.sentence
    )


def test_the_shares_turn_the_same_cases_round():
    """Fixes of failures are worth what failures are of traffic: of 30 % they carry it, of 1 % the breaks do."""
    suites = mined(np.random.default_rng(2), 0.6, 0.025, held_out=300, regression=2000)
    assert net(suites, shares(7000, 3000)).outcome == "pass"
    assert net(suites, shares(9900, 100)).outcome == "fail"


def test_without_shares_or_a_part_of_traffic_it_is_at_best_undecided():
    """A dataset that does not say what production is like, and suites that ask about failures only."""
    held_out, regression = mined(np.random.default_rng(1), 0.9, 0.0)
    assert "does not say how many calls fail" in net([held_out, regression], ()).sentence
    found = verdict([held_out], shares(4000, 1000))
    assert found.outcome == "undecided" and "@cases.regression()" in found.sentence


def test_without_mined_suites_it_is_said_and_decides_nothing_unless_asked_for():
    """Hand-written suites are no part of traffic; a `net_gain` of the policy's own asks for what cannot be shown."""
    own = [replace(one, suite=replace(one.suite, mined="")) for one in mined(np.random.default_rng(1), 0.9, 0.0)]
    found = verdict(own, ())
    assert found.outcome == "promote" and "the net effect on traffic is not known" in found.sentence
    assert verdict(own, (), net_gain=0.01).outcome == "undecided"
    with pytest.raises(UsageError, match="net_gain"):
        verdict(own, (), net_gain=1.0)


def test_mined_scores_that_are_no_rate_do_not_pass_it_by():
    """A mined suite whose scores are other numbers leaves the effect unknown, which then blocks."""
    suites = [
        replace(one, suite=replace(one.suite, range=(0.0, 30.0))) for one in mined(np.random.default_rng(1), 0.9, 0.0)
    ]
    assert net(suites, shares(4000, 1000)).outcome == "unresolved"


def test_a_sample_of_production_goes_before_the_mined_parts():
    """Where it says nothing was gained, mined cases that all improved do not outweigh it."""
    rng = np.random.default_rng(4)
    suites = [*mined(rng, 0.9, 0.0), sampled(rng, 0.2, 0.0, 0.0)]
    found = net(suites, shares(8000, 2000))
    assert found.outcome == "unresolved" and found.counts["sampled"] == 1000


def test_routes_count_by_their_traffic_not_by_their_cases():
    """Most cases are of a route that few calls take: it is weighed by its calls."""
    rare, common = np.ones(180), np.ones(60)
    held_out = [compared(HELD_OUT, 0 * rare, rare, rare, "rare"), compared(HELD_OUT, 0 * common, 0 * common, common)]
    regression = [compared(REGRESSION, rare, rare, 0 * rare, "rare"), compared(REGRESSION, common, common, 0 * common)]
    suites = [replace(side[0], pairs=side[0].pairs + side[1].pairs) for side in (held_out, regression)]
    found = net(suites, (*shares(100, 100, "rare"), *shares(4900, 4900)))
    assert found.estimate == pytest.approx(0.01, abs=1e-9)


def test_users_on_both_sides_widen_it():
    """The same sessions in failed and passed calls: their errors go together."""
    rng = np.random.default_rng(6)
    users = [f"u{at % 40}" for at in range(400)]
    moved = np.repeat(rng.random(40) < 0.3, 1)
    after = np.array([float(moved[at % 40]) for at in range(400)])
    failed = [compared(HELD_OUT, np.zeros(400), after, np.ones(400), clusters=users)]
    passed = compared(REGRESSION, np.ones(400), np.ones(400) - 0.1 * (1 - after), np.zeros(400), clusters=users)
    others = [name.replace("u", "v") for name in users]
    apart = replace(
        passed, pairs=tuple(replace(pair, cluster=name) for pair, name in zip(passed.pairs, others, strict=True))
    )
    wide, narrow = (net([*failed, replace(one, binary=False)], shares(2000, 2000)).interval for one in (passed, apart))
    assert wide.high - wide.low > 1.05 * (narrow.high - narrow.low)


def test_of_several_suites_on_one_split_the_one_that_shows_least_decides():
    """A second suite on the same cases cannot lift what the first one shows."""
    held_out, regression = mined(np.random.default_rng(1), 0.5, 0.0)
    lax = replace(held_out, suite=replace(held_out.suite, name="desk/eval_a::eval_lax"))
    lax = replace(lax, pairs=tuple(replace(pair, candidate=1.0) for pair in lax.pairs))
    alone, both = (net(suites, shares(4000, 1000)) for suites in ([held_out, regression], [lax, held_out, regression]))
    assert both.estimate == alone.estimate


def test_missing_answers_count_against_the_candidate():
    """What is shown only while silent cases are left out is invalid."""
    held_out, regression = mined(np.random.default_rng(1), 0.9, 0.0)
    lost = tuple(replace(pair, candidate=None) if at < 100 else pair for at, pair in enumerate(regression.pairs))
    found = net([held_out, replace(regression, pairs=lost)], shares(4500, 500))
    assert found.outcome == "invalid"


def test_calls_of_which_no_case_speaks_may_have_changed_by_anything():
    """Nine tenths of traffic without a single case leave nothing to show."""
    found = load("rules", "net_effect").effect
    chosen = {"production": compared(PRODUCTION, np.zeros(50), np.ones(50), np.ones(50))}
    estimate, interval = found(chosen, (Share(route="book", calls=900), *shares(0, 100)[1:]), 0.025)
    assert estimate == pytest.approx(0.1) and interval.low < -0.8


def test_it_is_held_against_what_production_runs():
    """A base that production does not use is easily beaten; the arm with production's prompt is what traffic gets now."""
    rng = np.random.default_rng(8)
    base = mined(rng, 0.9, 0.0)
    pairs = [(suite, replace(suite, baseline="prompted")) for suite in mined(rng, 0.05, 0.05)]
    found = verdict([*base, *(each for _, each in pairs)], shares(4000, 1000), baselines=("base",))
    assert "over base" in next(f.sentence for f in found.findings if f.rule == "net_effect")
    against = gate(
        [*base, *(each for _, each in pairs)],
        Policy(),
        candidate="a",
        shares=shares(4000, 1000),
        production="prompted",
    )
    (finding,) = (f for f in against.findings if f.rule == "net_effect")
    assert finding.baseline == "prompted" and "over production (prompted)" in finding.sentence
    assert finding.estimate < 0 and against.outcome != "promote"


def test_reviews_at_random_say_how_many_calls_fail():
    """Nobody complained of four fifths of the calls, but of those that people checked nearly all were wrong."""
    suites = mined(np.random.default_rng(9), 0.6, 0.9)
    silent = shares(4000, 1000)
    checked = tuple(replace(share, reviewed=count) for share, count in zip(silent, (4, 96), strict=True))
    assert net(suites, silent).outcome == "fail"
    found = net(suites, checked)
    assert found.outcome == "pass" and found.counts["reviewed"] == 100
    few = tuple(replace(share, reviewed=count) for share, count in zip(silent, (1, 9), strict=True))
    assert "10 calls were reviewed at random, and 30 are needed" in net(suites, few).sentence


def test_reviews_that_all_failed_leave_passing_calls_a_share():
    """Of 30 reviewed calls none passed: production may still get one right, and the interval knows it."""
    suites = mined(np.random.default_rng(9), 0.0, 1.0)
    checked = tuple(replace(share, reviewed=count) for share, count in zip(shares(4000, 1000), (0, 30), strict=True))
    found = net(suites, checked)
    assert -0.12 < found.estimate < -0.05 and found.interval.low < found.estimate
