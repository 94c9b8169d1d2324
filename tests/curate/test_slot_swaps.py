"""Slot swaps: more rows, as right as the old ones."""

import json

from msgspec.structs import replace

from harness.core.near_duplicates import normalise
from harness.curate.slot_swaps import MARK, swaps
from harness.curate.stage import CurateOptions, curate
from harness.mine.stage import mine
from harness.types import Case, MediaPart, Message, ToolResultPart
from tests.curate.traces import order, restaurant, say


def rows(count):
    for number in range(count):
        text, right = order(number)
        yield Case(
            id=str(number), messages=(say("user", text),), expected=right, target=say("assistant", json.dumps(right))
        )


def test_message_target_and_expectation_change_together():
    """The new value stands in the message and in the target; the old one in neither."""
    made = swaps(list(rows(30)), [], share=1.0, threshold=0.8, seed=17)
    assert len(made) == 30
    for case in made:
        assert json.loads(case.target.text) == case.expected
        assert all(value in case.text for value in case.expected.values())
        assert case.tags == (MARK,)


def test_what_else_a_message_holds_stays():
    """An image beside the words is part of what is asked; a row that ends in a tool's result is left as it is."""
    image = MediaPart(modality="image", uri="https://example.com/menu.png")
    train = [
        replace(case, messages=(replace(case.messages[0], parts=(image, *case.messages[0].parts)),))
        for case in rows(30)
    ]
    made = swaps(train, [], share=1.0, threshold=0.8, seed=17)
    assert len(made) == 30 and all(case.messages[-1].parts[0] == image for case in made)
    result = Message(role="tool", parts=(ToolResultPart(id="1", content="free"),))
    ended = [replace(case, messages=(*case.messages, result)) for case in rows(30)]
    assert swaps(ended, [], share=1.0, threshold=0.8, seed=17) == []


def test_nothing_near_a_judged_text_is_made():
    """A swap that would recreate a held-out message is dropped."""
    train = list(rows(30))
    everything = [normalise(case.text) for case in swaps(train, [], share=9.0, threshold=0.8, seed=17)]
    assert swaps(train, everything, share=9.0, threshold=0.8, seed=17) == []


def test_augmentation_is_off_by_default_and_capped_when_on():
    """The fates still add up: made rows are no calls."""
    calls, feedback = restaurant()
    mined = mine(calls, feedback)
    plain, more = (
        curate(calls, feedback, mined, sticky={}, options=CurateOptions(augment_share=share)) for share in (0.0, 0.5)
    )
    before = len(plain.splits["train"])
    assert len(more.splits["train"]) == before + round(0.5 * before)
    assert more.dataset.fates == plain.dataset.fates
    assert not any(case.tags for case in plain.splits["train"])
