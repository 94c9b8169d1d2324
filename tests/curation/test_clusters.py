"""Failures grouped so that trouble can be followed from night to night."""

from harness.curation.clusters import Seen, cluster
from harness.curation.traffic import day
from harness.types import Failure
from tests.curation.traces import DAY_NS, START_NS, call

WORDS = ("parking", "parking", "birthday", "birthday", "wheelchair")


def mined(count, offset=0, known=()):
    calls = {f"t:{n}": call(n, "", start_ns=START_NS + n * DAY_NS // 10) for n in range(offset, offset + count)}
    texts = {call_id: f"about {WORDS[int(call_id[2:]) % 5]} {call_id[2:]}" for call_id in calls}
    failures = [Failure(call_id=call_id, detector="thumbs_down", reason="negative") for call_id in calls]
    seen = {one.id: Seen(route=one.route, day=day(one), text=texts[one.id]) for one in calls.values()}
    return cluster(failures, seen, known)


def test_every_failure_is_in_one_cluster_that_counts_it():
    """Clusters cover the failures once, with counts for each day."""
    failures, clusters = mined(40)
    by_id = {item.id: item for item in clusters}
    assert all(failure.call_id in by_id[failure.cluster].call_ids for failure in failures)
    assert sum(len(item.call_ids) for item in clusters) == 40
    assert all(sum(item.days.values()) == len(item.call_ids) for item in clusters)
    assert {"birthday", "parking"} <= {item.label.split(", ")[0] for item in clusters}


def test_ids_are_the_same_on_another_night():
    """Other calls about the same things give the same ids."""
    first, second = mined(40)[1], mined(60, offset=100)[1]
    assert {item.id for item in first} == {item.id for item in second}


def test_few_failures_are_one_cluster():
    """Two failures have nothing to be told apart by."""
    assert [item.label for item in mined(2)[1]] == ["all"]
