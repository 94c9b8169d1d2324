"""From a pick to an answer in the store: targets, the random sample, and a second person."""

import pytest
from msgspec.structs import replace

from harness.curate.label import agreement, step
from harness.curate.review.step import Said
from harness.errors import UsageError
from harness.mine.stage import mine

WRONG = '{"dish": "stew", "table": "7"}'


def answer(work, found, kind, action, text="", by="ada"):
    """One person's answer to the first pick of a kind; the pick."""
    at = next(at for at, pick in enumerate(found.picks) if pick.kind == kind)
    pick, item = found.picks[at], found.items[at]
    step.keep(work, pick, item, Said(call_id=pick.call_id, action=action, text=text), by)
    return pick


def test_every_pick_is_shown_with_its_reason(work):
    """Picks and items belong together; what would sway is left out of what is not known to have failed."""
    found = step.labelling(work, 30)
    assert [pick.call_id for pick in found.picks] == [item.call_id for item in found.items]
    assert all(item.reasons[0] == pick.reason for pick, item in zip(found.picks, found.items, strict=True))
    blind = [item for pick, item in zip(found.picks, found.items, strict=True) if pick.kind != "missing"]
    assert blind and not any(item.target or item.cluster for item in blind)


def test_an_answered_call_is_not_picked_again_and_has_a_target(work):
    """The corrected failure is a pair: its answer was production's, the other is the person's."""
    pick = answer(work, step.labelling(work), "missing", "edit", WRONG)
    assert pick.call_id not in {other.call_id for other in step.labelling(work).picks if other.kind != "random"}
    (review,) = [item for item in work.feedback() if item.name == "review"]
    assert (review.call_id, review.correction, review.user_id) == (pick.call_id, WRONG, "ada")


@pytest.mark.parametrize(
    ("action", "text", "reading"), [("accept", "", "praise"), ("edit", WRONG, "blame"), ("reject", "", "blame")]
)
def test_a_random_pick_says_whether_production_was_right(work, action, text, reading):
    """Only calls of the random sample have that feedback, and it is what `random_review` counts."""
    found = step.labelling(work)
    answer(work, found, "missing", "edit", WRONG)
    pick = answer(work, found, "random", action, text)
    (judged,) = [item for item in work.feedback() if item.name == "random_review"]
    assert (judged.call_id, judged.reading) == (pick.call_id, reading)
    shares = mine(list(work.calls()), work.feedback(), options={"random_review": "random_review"}).shares
    assert sum(share.reviewed for share in shares) == 1


def test_an_edit_that_changes_nothing_finds_production_right(work):
    """Who opened the field and saved it as it was has not found a fault."""
    found = step.labelling(work)
    item = next(item for pick, item in zip(found.picks, found.items, strict=True) if pick.kind == "random")
    said = Said(call_id=item.call_id, action="edit", text=f" {item.answer} ")
    assert step.sampled(item, said, "ada", 1).value == 1.0


def test_the_second_person_sees_the_same_calls_and_not_the_answers(work):
    """What ada said is on no item; what bob has answered too is left out; agreement counts both."""
    found = step.labelling(work)
    for at, action in enumerate(("accept", "reject", "reject", "accept")):
        pick, item = found.picks[at], found.items[at]
        step.keep(work, pick, item, Said(call_id=pick.call_id, action=action), "ada")
    again = step.labelling(work, after="ada", by="bob")
    assert [pick.call_id for pick in again.picks] == [pick.call_id for pick in found.picks[:4]]
    assert not any(item.target for item in again.items)
    for at, action in enumerate(("accept", "reject", "accept")):
        pick, item = again.picks[at], again.items[at]
        step.keep(work, pick, item, Said(call_id=pick.call_id, action=action), "bob")
    assert [pick.call_id for pick in step.labelling(work, after="ada", by="bob").picks] == [found.picks[3].call_id]
    calls = work.store.traces.calls_by_id({pick.call_id for pick in found.picks})
    (pair,) = agreement.agreements(work.feedback(), calls)
    assert (pair.first, pair.second, pair.calls, pair.agreed) == ("ada", "bob", 3, 2)
    assert pair.differ == (found.picks[2].call_id,)
    assert pair.kappa == pytest.approx(0.4)  # (2/3 - 4/9) / (1 - 4/9)


def test_people_and_kinds_that_are_not_known_are_named(work):
    """The message says what there is."""
    with pytest.raises(UsageError, match="eve") as caught:
        step.labelling(work, after="eve")
    assert "nobody yet" in caught.value.next
    with pytest.raises(UsageError, match="odd"):
        step.labelling(work, kinds=["odd"])


def test_agreement_reads_what_people_said_elsewhere(work):
    """A thumb and a correction of two people on one call count; a program's score does not."""
    call = next(iter(work.calls()))
    (thumb,) = [item for item in work.feedback() if item.call_id == call.id]
    ada = replace(thumb, id="a", user_id="ada", source_kind="human", correction=None)
    bob = replace(ada, id="b", user_id="bob", correction=call.reply, value=None, reading="")
    judge = replace(ada, id="c", user_id="judge", source_kind="judge")
    (pair,) = agreement.agreements([ada, bob, judge], {call.id: call})
    assert (pair.first, pair.second, pair.calls, pair.agreed) == ("ada", "bob", 1, 0)
