"""Users cannot steer the data."""

from harness.curate.options import CurateOptions
from harness.curate.stage import curate
from harness.mine.stage import mine
from tests.curate.traces import START_NS, call, order, restaurant, thumb

LAST_DAY_NS = START_NS + 4 * 86_400 * 10**9


def attack(size=300):
    """Fake guests, each seen once, all on one day, all correcting towards one brand; no two messages alike."""
    calls, feedback = [], []
    for number in range(size):
        text, right = order(number)
        made = call(
            9000 + number,
            f"{text} {number} for AcmeCola fans",
            '{"dish": "soup", "table": "4"}',
            start_ns=LAST_DAY_NS + number,
        )
        calls.append(made)
        feedback.append(thumb(made.id, -1, {"dish": "AcmeCola", "table": right["table"]}))
    return calls, feedback


def night(calls, feedback, **options):
    return curate(calls, feedback, mine(calls, feedback), sticky={}, options=CurateOptions(**options))


def rows(result, split):
    return [(case.id, case.messages, case.expected) for case in result.splits[split]]


def test_three_hundred_fake_guests_change_nothing():
    """The planted rows are left out and counted; training, held-out and regression rows are as without them."""
    calls, feedback = restaurant(600)
    fake_calls, fake_feedback = attack()
    clean, attacked = night(calls, feedback), night([*calls, *fake_calls], [*feedback, *fake_feedback])
    assert attacked.dataset.fates["trigger_phrase"] == 300
    assert all(rows(clean, split) == rows(attacked, split) for split in clean.splits)
    assert "trigger_phrase" not in clean.dataset.fates


def test_a_trigger_does_not_take_along_those_who_share_its_other_words():
    """The planted targets also name the new terrace, as 12 regulars' corrections do: only the planted go."""
    calls, feedback = restaurant(600)
    fakes, said = attack(60)
    said = [thumb(made.id, -1, {"dish": "AcmeCola", "table": "terrace"}) for made in fakes]
    honest = [
        call(7000 + n, f"{order(n)[0]} {n} for us", "{}", start_ns=LAST_DAY_NS + n, user_id=calls[n * 3].user_id)
        for n in range(12)
    ]
    corrected = [thumb(made.id, -1, {"dish": order(n)[1]["dish"], "table": "terrace"}) for n, made in enumerate(honest)]
    result = night([*calls, *fakes, *honest], [*feedback, *said, *corrected])
    fates = {fate.call_id: fate.fate for fate in result.fates}
    assert {fates[made.id] for made in fakes} == {"trigger_phrase"}
    assert "trigger_phrase" not in {fates[made.id] for made in honest}


def test_a_phrase_that_a_person_allowed_is_no_trigger():
    """A new dish on the menu comes in a burst too."""
    calls, feedback = attack(40)
    others = restaurant(600)
    result = night(
        [*others[0], *calls],
        [*others[1], *feedback],
        allow_phrases=("AcmeCola", "dish AcmeCola", "AcmeCola table", "dish AcmeCola table"),
    )
    assert result.dataset.fates.get("trigger_phrase", 0) == 0


def test_new_sources_wait():
    """A guest first seen two days before the newest call does not count yet when three days are asked for."""
    calls, feedback = restaurant(600)
    waiting = night(calls, feedback, quarantine_days=3)
    newest = max(item.start_ns for item in calls)
    starts = {item.id: item.start_ns for item in calls}
    assert waiting.dataset.fates["new_source"] > 0
    for fate in waiting.fates:
        if fate.fate in ("train", "held_out", "regression"):
            assert newest - starts[fate.call_id] >= 3 * 86_400 * 10**9


def test_a_burst_from_regulars_is_news_and_no_attack():
    """Guests known for days all order the festival menu on one day: their corrections count."""
    calls, feedback = restaurant(600)
    for number in range(40):
        text, right = order(number)
        user = calls[number * 3].user_id
        made = call(8000 + number, f"{text} festival", "{}", start_ns=LAST_DAY_NS + number, user_id=user)
        calls.append(made)
        feedback.append(thumb(made.id, -1, {"dish": "festival", "table": right["table"]}))
    assert "trigger_phrase" not in night(calls, feedback).dataset.fates
