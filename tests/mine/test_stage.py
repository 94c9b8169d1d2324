"""Calls and feedback become failures, clusters and passing calls."""

import random

import pytest

from harness.errors import UsageError
from harness.mine.stage import mine
from tests.curate.traces import call, restaurant, thumb


def test_mining_does_not_depend_on_order():
    """Shuffled traces give the same failures, clusters and passes."""
    calls, feedback = restaurant()
    first = mine(calls, feedback)
    random.Random(1).shuffle(calls)
    random.Random(2).shuffle(feedback)
    assert mine(iter(calls), iter(feedback)) == first


def test_a_wrong_thumb_does_not_pass_an_invented_value():
    """Praise is not enough: the answer says soup, the message does not."""
    calls, feedback = restaurant()
    feedback.append(thumb("t:2", 1))
    mined = mine(calls, feedback)
    assert "t:2" not in mined.passed
    assert set(mined.passed) == {f"t:{n}" for n in range(120) if n % 6 == 5}
    assert {f.detector for f in mined.failures if f.call_id == "t:2"} == {"ungrounded"}


def test_a_correction_equal_to_the_answer_is_praise():
    """Staff who enter what the model said confirm it."""
    calls = [call(0, "soup for 4", '{"dish": "Soup", "table": "4"}')]
    assert mine(calls, [thumb("t:0", 1, {"table": "4", "dish": "soup"})]).passed == ("t:0",)


def test_only_the_named_detectors_run():
    """A name that does not exist is refused with the nearest one."""
    calls, feedback = restaurant(30)
    assert {item.detector for item in mine(calls, feedback, detectors=["error"]).failures} == {"error"}
    with pytest.raises(UsageError, match="thumbs_down"):
        mine(calls, feedback, detectors=["thumb_down"])


def test_no_calls_no_failures():
    """An empty table is mined to nothing."""
    assert mine([], []).calls == 0


def test_a_hint_takes_nothing_from_a_praised_call():
    """A praised answer that was far too slow still passes, and is still shown."""
    calls = [call(n, f"soup for {n}", "here you are") for n in range(150)]
    slow = call(200, "soup for the last", "here you are", end_ns=calls[0].start_ns + 10**15)
    mined = mine([*calls, slow], [thumb("t:200", 1)])
    assert [failure.detector for failure in mined.failures if failure.call_id == "t:200"] == ["outlier"]
    assert mined.passed == ("t:200",)


def test_the_shares_cover_every_usable_call_once():
    """Failed calls by route and cluster, the others by route, praised or not; calls that broke in their environment and
    unusable ones are no part of it."""
    calls, feedback = restaurant()
    mined = mine(calls, feedback)
    failed = {f.call_id for f in mined.failures if f.detector not in mined.hints}
    broken = {f.call_id for f in mined.failures if f.environment}
    usable = {item.id for item in calls if item.usable}
    assert sum(share.calls for share in mined.shares if share.failed) == len(failed - broken)
    assert sum(share.calls for share in mined.shares if not share.failed) == len(usable - failed - broken)
    assert {share.cluster for share in mined.shares if share.failed} <= {one.id for one in mined.clusters}


def test_calls_that_people_check_at_random_are_counted_beside():
    """Only feedback of the named kind counts, once a call, by what the call turned out to be; without a verdict it does not."""
    calls = [call(n, f"soup for {n}", '{"dish": "soup", "table": "4"}') for n in range(40)]
    checks = [thumb(f"t:{n}", 1.0 if n else -1.0, name="audit", id=f"a{n}") for n in range(3)]
    unsaid = thumb("t:7", 0.0, name="audit", id="u")
    others = [thumb(f"t:{n}", 1.0, name="stars", id=f"s{n}") for n in range(20, 30)]
    mined = mine(calls, [*checks, *checks[:1], unsaid, *others], options={"random_review": "audit"})
    counted = {share.failed: share.reviewed for share in mined.shares if share.reviewed}
    assert counted == {True: 1, False: 2}
    assert not any(share.reviewed for share in mine(calls, [*checks, *others]).shares)
