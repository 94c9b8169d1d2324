"""Wrong corrections are shown, and never left out."""

import json
import random

import pytest
from msgspec.structs import replace

from harness.core.feedback_scale import REVIEW
from harness.core.replies import expected_of
from harness.curate import card, doubt
from harness.curate.doubts import near_duplicates, out_of_fold, ungrounded
from harness.curate.options import CurateOptions
from harness.curate.review.queue import item, wanted
from harness.curate.rows import CallRow, RowTarget
from harness.curate.stage import curate, write
from harness.mine.mined import Mined
from harness.mine.stage import mine
from tests.curate.traces import call, restaurant, say, thumb

NAMES = ("Ada", "Grace", "Edsger", "Barbara", "Donald", "Niklaus", "Tony", "Frances")
DAYS = ("Monday", "Tuesday", "Friday", "Sunday")


def row(number: int, text: str, target: object, source: str = "correction") -> CallRow:
    message = say("assistant", target if isinstance(target, str) else json.dumps(target))
    right = RowTarget(message=message, source=source, expected=expected_of(message))
    return CallRow(call=call(number, text), conversation=(say("user", text),), target=right, failed=True)


@pytest.fixture(scope="module")
def desk() -> list[CallRow]:
    """Two hundred bookings: a name always, a day in every second one; words vary."""
    draw = random.Random(3)
    rows = []
    for number in range(200):
        name, day = draw.choice(NAMES), draw.choice(DAYS)
        polite = draw.choice(("please", "thanks", "if you can", "hello"))
        if number % 2:
            rows.append(row(number, f"{polite} a table for {day} under the name {name}", {"name": name, "day": day}))
        else:
            rows.append(row(number, f"{polite} cancel what is under the name {name}", {"name": name}))
    return rows


def spoilt(rows: list[CallRow], place: int, target: object) -> list[CallRow]:
    text = rows[place].conversation[0].text
    return [*rows[:place], row(place, text, target), *rows[place + 1 :]]


def test_right_corrections_are_not_doubted(desk):
    """Two hundred right ones raise nothing, by any sign."""
    assert doubt.doubts(desk, ()) == ()


@pytest.mark.parametrize("place", [11, 57])
def test_a_field_that_was_left_out_is_doubted(desk, place):
    """The message names a day as a hundred others do; its correction has none."""
    wrong = spoilt(desk, place, {"name": json.loads(desk[place].target.message.text)["name"]})
    (found,) = out_of_fold.find(wrong)
    assert found.call_id == f"t:{place}" and "`day` is missing" in found.reason and 0.5 < found.score <= 1


def test_a_field_that_is_not_asked_for_is_doubted(desk):
    """A cancellation with a day, which is not in the message either: two signs."""
    name = json.loads(desk[20].target.message.text)["name"]
    found = doubt.doubts(spoilt(desk, 20, {"name": name, "day": "Friday"}), ())
    assert {each.sign for each in found} == {"out_of_fold", "ungrounded"} and {each.call_id for each in found} == {
        "t:20"
    }


def test_one_of_few_values_that_does_not_fit_is_doubted(desk):
    """Targets that are one of two labels as plain text: the wrong one is named with the one that fits."""
    labels = [row(n, each.conversation[0].text, "book" if n % 2 else "cancel") for n, each in enumerate(desk)]
    (found,) = out_of_fold.find(spoilt(labels, 31, "cancel"))
    assert found.call_id == "t:31" and "'book'" in found.reason


def test_a_value_from_nowhere_is_doubted_where_values_are_copied(desk):
    """A name that nobody said, among names that all were; where the field is no copy, nothing is doubted."""
    (found,) = ungrounded.find(spoilt(desk, 30, {"name": "Zaphod"}))
    assert found.call_id == "t:30" and "'Zaphod'" in found.reason
    codes = [row(n, each.conversation[0].text, {"name": f"code {n}"}) for n, each in enumerate(desk)]
    assert list(ungrounded.find(codes)) == []


def test_the_minority_among_messages_that_differ_in_numbers_is_doubted():
    """Five bookings for other numbers of people; one has its number under another key. Of one against one, neither is."""
    same = [row(n, f"a table for {n + 2} people", {"people": str(n + 2)}) for n in range(5)]
    wrong = [*same[:4], row(4, "a table for 6 people", {"table": "6"})]
    assert list(near_duplicates.find(same)) == []
    assert [(each.call_id, each.score) for each in near_duplicates.find(wrong)] == [("t:4", 0.8)]
    assert list(near_duplicates.find(wrong[3:])) == []


def test_tool_calls_are_read_as_fields():
    """A call of the wrong tool among calls that differ in numbers only."""

    def called(number: int, name: str) -> CallRow:
        chat = {"tool_calls": [{"name": name, "arguments": {"table": str(number)}}]}
        made = row(number, f"free table {number}", "")
        message = replace(made.target.message, parts=(_tool(name, number),))
        return replace(made, target=replace(made.target, message=message, expected=chat))

    rows = [called(number, "refund" if number == 2 else "release") for number in range(5)]
    assert [each.call_id for each in near_duplicates.find(rows)] == ["t:2"]


def _tool(name, number):
    from harness.types import ToolCallPart

    return ToolCallPart(id="1", name=name, arguments=json.dumps({"table": str(number)}))


def test_only_corrections_are_doubted_and_reviewed_ones_no_more(desk):
    """The same row from a retry is in the queue anyway; a person who looked ends the doubt."""
    wrong = spoilt(desk, 30, {"name": "Zaphod"})
    looked = thumb("t:30", 1, name=REVIEW)
    assert doubt.doubts(wrong, ()) and doubt.doubts(wrong, [looked]) == ()
    retried = [replace(each, target=replace(each.target, source="retry")) for each in wrong]
    assert doubt.doubts(retried, ()) == ()


def test_doubts_do_not_depend_on_the_order_of_rows(desk):
    """Shuffled rows raise the same doubts."""
    wrong = spoilt(spoilt(desk, 30, {"name": "Zaphod"}), 11, {"name": "Ada"})
    assert doubt.doubts(wrong, ()) == doubt.doubts(random.Random(1).sample(wrong, len(wrong)), ())


def test_a_doubted_correction_is_first_in_the_queue_with_its_reason(desk):
    """Before failures without a target; the page shows why."""
    wrong = spoilt(desk, 30, {"name": "Zaphod"})
    raised = doubt.doubts(wrong, ())
    assert wanted(wrong, {}, Mined(), (), raised)[0] == "t:30"
    shown = item(wrong[30].call, wrong[30].conversation, wrong[30], Mined(), raised)
    assert shown.source == "correction" and shown.reasons[0].startswith("doubted: `name` is 'Zaphod'")


def test_curation_keeps_what_it_doubts_and_says_so(tmp_path):
    """The same rows with and without the wrong correction's doubt; manifest, file and card tell of it."""
    calls, feedback = restaurant(120)
    place = next(n for n, each in enumerate(feedback) if each.correction)
    wrong = {"dish": "moon cheese", "table": "4"}
    feedback[place] = replace(feedback[place], correction=json.dumps(wrong))
    found = curate(calls, feedback, mine(calls, feedback), sticky={}, options=CurateOptions(min_failures=0))
    doubted = feedback[place].call_id
    assert doubted in {each.call_id for each in found.doubts}
    kept = [case for cases in found.splits.values() for case in cases if case.call_id == doubted]
    assert [case.expected for case in kept] == [wrong]
    assert found.dataset.notes["doubts"]["doubted"] == len({each.call_id for each in found.doubts})
    assert "trueup review" in card.doubted(found.dataset)
    write(found, tmp_path)
    assert doubted in (tmp_path / "doubts.jsonl").read_text()
