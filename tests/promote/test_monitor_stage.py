"""What the calls after a promotion say about it."""

import pytest

from harness.mine.mined import Mined
from harness.promote.monitor_stage import DAY_NS, LEAST, Moment, monitor
from harness.types import CallError, Cluster, Failure
from tests.curate.traces import START_NS, call, thumb

AT = START_NS + 10 * DAY_NS


def day(number, side):
    """Times of calls: a minute apart, before `AT` or after it."""
    return AT + (number + 1) * 60 * 10**9 if side == "after" else AT - (number + 1) * 60 * 10**9


def calls(side, count, **fields):
    return [
        call(
            n,
            f"{side} question {n}",
            **{"id": f"{side}:{n}", "user_id": f"{side}{n}", "start_ns": day(n, side), **fields},
        )
        for n in range(count)
    ]


def watched(before_failed, after_failed, count=200, detector="correction", feedback=(), **fields):
    both = {side: calls(side, count, **fields) for side in ("before", "after")}
    ids = [f"before:{n}" for n in range(before_failed)] + [f"after:{n}" for n in range(after_failed)]
    failures = tuple(Failure(call_id=i, detector=detector, reason="", cluster="c") for i in ids)
    clusters = (Cluster(id="c", label="late parcels", detector=detector, call_ids=tuple(ids)),)
    mined = Mined(failures=failures, clusters=clusters, calls=2 * count, hints=("abandoned",))
    return monitor([*both["before"], *both["after"]], feedback, mined, Moment(at_ns=AT))


def test_fewer_failures_confirm():
    """A fall from 30 to 5 % is no accident, and the cluster that fell is named."""
    found = watched(60, 10)
    assert found.outcome == "confirmed"
    assert [one.outcome for one in found.findings if "late parcels" in one.metric] == ["pass"]


def test_more_failures_contradict():
    """A rise says so and names the way back."""
    found = watched(10, 60)
    assert (found.outcome, found.next) == ("contradicted", "trueup promote --undo")


def test_the_same_share_stays_open():
    """No change shown is neither a yes nor a no."""
    assert watched(20, 20).outcome == "open"


@pytest.mark.parametrize("count", [0, LEAST - 1])
def test_too_few_calls_stay_open(count):
    """Thirty calls on either side, or nothing is compared."""
    found = watched(0, 0, count=count)
    assert (found.outcome, found.findings) == ("open", ())
    assert f"{count} calls" in found.sentence


def test_a_cluster_that_grew_keeps_it_open():
    """Fewer failures in all do not hide that one kind of them became common."""
    both = [*calls("before", 400), *calls("after", 400)]
    old = [Failure(call_id=f"before:{n}", detector="correction", reason="", cluster="old") for n in range(200)]
    new = [Failure(call_id=f"after:{n}", detector="refusal", reason="", cluster="new") for n in range(60)]
    clusters = tuple(
        Cluster(id=name, label=name, detector="correction", call_ids=tuple(one.call_id for one in failures))
        for name, failures in (("old", old), ("new", new))
    )
    found = monitor(both, (), Mined(failures=(*old, *new), clusters=clusters, calls=800), Moment(at_ns=AT))
    assert found.outcome == "open"
    assert "new" in found.sentence


def test_the_environments_failures_are_not_the_models():
    """Timeouts are counted apart and compared with nothing."""
    both = [*calls("before", 100), *calls("after", 100, output=(), error=CallError(type="timeout"))]
    failures = tuple(
        Failure(call_id=f"after:{n}", detector="error", reason="", environment=True, cluster="t") for n in range(60)
    )
    found = monitor(both, (), Mined(failures=failures, calls=200), Moment(at_ns=AT))
    assert (found.after, found.environment) == (40, (0, 60))
    assert found.outcome == "open"


def test_hints_are_no_failures():
    """What only shows where to look counts for nothing."""
    assert watched(60, 10, detector="abandoned").findings[0].estimate == 0


def test_calls_whose_thumbs_may_still_come_are_left_out():
    """Thumbs took an hour before; so the last hour, not rated yet, must not look like a success."""
    feedback = [thumb(f"before:{n}", -1, at_ns=day(n, "before") + 3600 * 10**9) for n in range(60)]
    found = watched(60, 0, feedback=feedback)
    assert found.unsettled == 60
    assert found.after == 140


def test_one_users_complaints_are_one_voice():
    """The same counts from one user after the change show nothing."""
    quiet = [*calls("before", 200), *calls("after", 160)]
    both = [*quiet, *(call(n, f"loud {n}", user_id="loud", start_ns=AT + n) for n in range(360, 400))]
    failures = tuple(Failure(call_id=f"t:{n}", detector="correction", reason="") for n in range(360, 400))
    assert monitor(both, (), Mined(failures=failures, calls=400), Moment(at_ns=AT)).outcome == "open"


def test_the_same_questions_are_paired():
    """What was asked on both sides is compared question by question."""
    both = [
        call(n, f"question {n % 40}", id=f"{side}:{n}", user_id=f"{side}{n}", start_ns=day(n, side))
        for side in ("before", "after")
        for n in range(40)
    ]
    failures = tuple(Failure(call_id=f"before:{n}", detector="correction", reason="") for n in range(30))
    found = monitor(both, (), Mined(failures=failures, calls=80), Moment(at_ns=AT))
    paired = [one for one in found.findings if "same questions" in one.metric]
    assert [(one.outcome, one.estimate) for one in paired] == [("pass", 0.75)]


def test_older_calls_are_not_looked_at():
    """The champion before last is not what is compared."""
    both = [*calls("before", 100), *calls("after", 100)]
    assert monitor(both, (), Mined(calls=200), Moment(at_ns=AT, since_ns=AT - 50 * 60 * 10**9)).before == 50
