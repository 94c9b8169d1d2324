"""The nights in order, and each canary with what was said offline and live."""

from msgspec.structs import replace

from harness.types import CanaryDay, CanaryEvent, CanaryRecord, Finding, WatchedDay
from reports import history, html
from reports.parts.diary import diary
from reports.parts.words import moment
from tests.promote.canary_traffic import DAY_NS, canary
from tests.reports.story import make_story

PLAN = canary(share=0.05, by="ann")
WORSE = Finding(
    rule="canary",
    suite="",
    outcome="fail",
    sentence="failed calls: <b>9%</b> of the candidate's",
    formula="betting_sequence",
)


def told(**fields):
    """A story in which alarms came on two days, and a canary ran for a day."""
    day = CanaryDay(
        canary=PLAN.id,
        day="2026-09-22",
        outcome="undecided",
        sentence="Undecided: too few days.",
        calls={"candidate": 7},
    )
    watched = tuple(
        WatchedDay(day=f"2026-09-{number}", action="train", sentence=f"grew on {number}", names=names)
        for number, names in (("20", ("a",)), ("21", ("a",)), ("22", ("a", "b")))
    )
    end = CanaryEvent(
        kind="rolled back", canary=PLAN, at_ns=PLAN.start_ns + DAY_NS, reason="Harm is shown.", findings=(WORSE,)
    )
    tried = CanaryRecord(canary=PLAN, offline="Promote: better on all.", days=(day,), end=end)
    return replace(
        make_story(10), watched=watched, canaries=(replace(tried, **fields),), served={PLAN.candidate: "adapter cc"}
    )


def test_events_of_all_kinds_stand_in_one_order():
    """The newest first; a day on which no alarm was new is left out."""
    lines = diary(told())
    assert [line.at_ns for line in lines] == sorted((line.at_ns for line in lines), reverse=True)
    words = {line.words: line for line in lines}
    assert "grew on 20" in words and "grew on 21" not in words and "grew on 22" in words
    assert words["5.0% of sessions go to adapter cc"].at == moment(PLAN.start_ns)
    assert (words["Harm is shown."].what, words["Harm is shown."].tag) == ("canary rolled back", "hold")
    assert {line.what for line in lines} >= {"verdict", "promote"}


def test_a_canary_is_shown_with_what_was_said_offline_and_live():
    """On the nights' page and in the report; texts are escaped."""
    for page in (history.render(told()).decode(), html.render(told()).decode()):
        assert "Promote: better on all." in page and "live says: <bdi>Undecided: too few days.</bdi>" in page
        assert "rolled back" in page and "started by ann" in page and "&lt;b&gt;9%" in page and "<b>9%" not in page


def test_one_that_runs_says_so():
    """With the evidence of its last day."""
    seen = CanaryDay(canary=PLAN.id, day="2026-09-22", outcome="undecided", sentence="s", findings=(WORSE,))
    page = history.render(told(end=None, days=(seen,), offline="")).decode()
    assert "it runs" in page and "betting sequence" in page and "the verdict is not kept" in page
