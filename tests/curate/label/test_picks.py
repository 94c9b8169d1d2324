"""Which calls are picked, and why."""

import random
from collections import Counter

import pytest

from benchmarks.label import measured
from harness.curate.label.picks import KINDS, LabelCandidate, picks
from harness.mine.mined import Mined
from harness.types import Cluster, Failure

CLUSTERS = tuple(
    Cluster(id=name, label=name, detector="thumbs_down", call_ids=tuple(f"{name}{n}" for n in range(size)))
    for name, size in (("big", 30), ("small", 4))
)
FAILURES = tuple(
    Failure(call_id=call, detector="thumbs_down", reason="bad", cluster=cluster.id)
    for cluster in CLUSTERS
    for call in cluster.call_ids
)
MINED = Mined(failures=FAILURES, clusters=CLUSTERS, calls=200)
QUIET = [
    LabelCandidate(
        call_id=f"q{n}", text=f"the usual question number {n % 5} usual answer", asked=f"q{n}", fate="no_signal"
    )
    for n in range(60)
]
FAILED = [
    LabelCandidate(call_id=one.call_id, text=one.call_id, asked=f"asked {one.call_id}", fate="no_target")
    for one in FAILURES
]


def kinds_of(found):
    return Counter(pick.kind for pick in found)


def test_half_are_failures_three_in_ten_variety_and_a_fifth_random():
    """In any beginning of the list too, so that stopping early leaves no kind out."""
    found = picks([*FAILED, *QUIET], MINED, 20)
    assert kinds_of(found) == {"missing": 10, "variety": 6, "random": 4}
    assert set(kinds_of(found[:5])) == set(KINDS)
    assert len({pick.call_id for pick in found}) == 20


def test_the_order_of_the_calls_decides_nothing():
    """The draw is by the ids."""
    shuffled = [*FAILED, *QUIET]
    random.Random(1).shuffle(shuffled)
    assert picks(shuffled, MINED, 30) == picks([*FAILED, *QUIET], MINED, 30)


def test_where_a_kind_has_too_few_calls_the_others_fill_up():
    """Without a failure all picks are variety and random; with a handful of calls all are picked."""
    assert kinds_of(picks(QUIET, Mined(calls=60), 20)) == {"variety": 12, "random": 8}
    assert len(picks(QUIET[:3], Mined(calls=3), 20)) == 3
    assert picks([], Mined(), 20) == []


def test_a_cluster_that_lacks_targets_comes_before_one_that_has_them():
    """Every cluster has its turn; first the one in which most failures wait for each target that there is."""
    first = [pick.cluster for pick in picks(FAILED, MINED, 4, kinds=["missing"])]
    assert first == ["big", "small", "big", "small"]
    labelled = {f"big{n}" for n in range(20)}
    rest = [item for item in FAILED if item.call_id not in labelled]
    (pick,) = picks(rest, MINED, 1, kinds=["missing"], labelled=labelled)
    assert (pick.cluster, pick.reason) == (
        "small",
        "failed (thumbs_down: small; 4 calls, none of them with a right answer)",
    )


def test_of_one_wording_one_is_enough():
    """Ten failures that ask the same give one pick."""
    same = [LabelCandidate(call_id=f"big{n}", text="x", asked="Where is it?", fate="no_target") for n in range(10)]
    assert len(picks(same, MINED, 10, kinds=["missing"])) == 1


def test_variety_picks_what_is_unlike_the_rest():
    """Two odd answers among sixty usual ones are among the first seven; each wording of the usual ones has one pick."""
    odd = [
        LabelCandidate(call_id="odd1", text="please consult our website", asked="a", fate="no_signal"),
        LabelCandidate(call_id="odd2", text="zzz", asked="b", fate="no_signal"),
    ]
    first = [pick.call_id for pick in picks([*QUIET, *odd], Mined(calls=62), 7, kinds=["variety"])]
    assert {"odd1", "odd2"} <= set(first)


def test_the_random_sample_goes_on_where_it_ended_and_skips_nothing_else():
    """A failure that somebody reviewed for another reason stays in the sample: leaving it out would flatter production."""
    everything = [*FAILED, *QUIET]
    whole = [pick.call_id for pick in picks(everything, MINED, 94, kinds=["random"])]
    rest = picks(everything, MINED, 94, kinds=["random"], checked=set(whole[:10]), done=set(whole))
    assert [pick.call_id for pick in rest] == whole[10:]


def test_the_random_sample_is_one():
    """Failures are in the first half as often as in all calls, within chance (hypergeometric, three deviations)."""
    drawn = picks([*FAILED, *QUIET], MINED, 47, kinds=["random"])
    failures = sum(pick.call_id in {item.call_id for item in FAILED} for pick in drawn)
    assert abs(failures - 47 * 34 / 94) < 3 * (47 * 34 / 94 * 60 / 94 * 47 / 93) ** 0.5


@pytest.mark.parametrize("seed", [11, 12])
def test_fifty_picks_hold_more_than_fifty_calls_at_random(seed):
    """On traffic with planted failures: three times the failures at least, and more sorts of them."""
    ours, chance = measured(200, seed)
    assert ours.failures >= 3 * chance.failures
    assert ours.sorts > chance.sorts
    assert ours.targets > chance.targets
