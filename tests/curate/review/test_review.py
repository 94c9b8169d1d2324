"""What a person is shown, and what the answer becomes."""

import json

import pytest

from harness.curate.review import queue as review_queue
from harness.curate.review.step import Said, queue, record
from harness.curate.stage import CurateOptions, curate
from harness.errors import InputError, UsageError
from harness.mine.stage import mine
from harness.types import Call, Message, ToolCallPart


def reviewed(work):
    return {item.call_id: item for item in work.feedback() if item.name == "review"}


def fates(work):
    calls, feedback = list(work.store.traces.calls()), work.feedback()
    result = curate(
        calls, feedback, mine(calls, feedback), sticky={}, options=CurateOptions(min_failures=1, user_share_cap=1)
    )
    cases = {case.call_id: case for split in result.splits.values() for case in split}
    return {fate.call_id: fate.fate for fate in result.fates}, cases


def test_failures_without_a_target_come_first(work):
    """Then what only a program stands behind; a call that a person corrected is not shown."""
    items = queue(work)
    kinds = [item.source for item in items]
    assert kinds == sorted(kinds, key=lambda kind: kind == "production")
    assert {"", "production"} == set(kinds)
    assert not {item.call_id for item in items} & {"t:0", "t:3"}


def test_an_edited_target_trains_as_a_persons_correction(work):
    """The failure had none; now its text is the target, and it is not shown again."""
    first = queue(work)[0]
    assert fates(work)[0][first.call_id] == "no_target"
    record(work, first, Said(call_id=first.call_id, action="edit", text='{"dish": "stew", "table": null}'), "ada")
    said = reviewed(work)[first.call_id]
    assert (said.user_id, said.source_kind, said.label) == ("ada", "human", "edited")
    fate, cases = fates(work)
    assert fate[first.call_id] in ("train", "held_out")
    assert (cases[first.call_id].expected["dish"], cases[first.call_id].target_source) == ("stew", "correction")
    assert first.call_id not in {item.call_id for item in queue(work)}


def test_a_rejected_target_trains_nothing_until_it_is_corrected(work):
    """The last word counts."""
    item = next(item for item in queue(work) if item.source == "production")
    record(work, item, Said(call_id=item.call_id, action="reject"), "ada")
    assert fates(work)[0][item.call_id] == "turned_down"
    record(work, item, Said(call_id=item.call_id, action="accept"), "ada")
    assert fates(work)[0][item.call_id] in ("train", "regression")


def test_only_one_cluster_is_shown_when_asked_for(work):
    """`--cluster` takes the start of an id."""
    chosen = queue(work)[0].cluster_id
    assert {item.cluster_id for item in queue(work, cluster=chosen[:8])} == {chosen}
    with pytest.raises(UsageError, match="'nothing'"):
        queue(work, cluster="nothing")


def tool_item():
    part = ToolCallPart(id="1", name="book", arguments='{"seats":1}')
    call = Call(id="t:1", input=(), output=(Message(role="assistant", parts=(part,)),))
    return review_queue.item(call, (), None, mine([], []))


def test_tool_calls_are_edited_as_json_and_stay_tool_calls():
    """The edited arguments are the correction; broken JSON is refused with its reason."""
    item = tool_item()
    edited = item.answer.replace('"seats": 1', '"seats": 2')
    told = review_queue.verdict(item, "edit", edited, "ada", 1)
    assert json.loads(told.correction)["tool_calls"][0]["function"]["arguments"] == {"seats": 2}
    with pytest.raises(InputError, match="not one JSON message"):
        review_queue.verdict(item, "edit", edited[:-2], "ada", 1)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_target_is_refused(text):
    """A person who means "nothing" rejects."""
    with pytest.raises(InputError, match="must not be empty"):
        review_queue.verdict(tool_item(), "edit", text, "ada", 1)


def test_what_a_reviewer_types_is_redacted(work):
    """An e-mail address and a key that a person types into a target reach neither the store nor what is trained."""
    first, typed = queue(work)[0], "write to eve@example.com with sk-proj-" + "a1B2" * 12
    record(work, first, Said(call_id=first.call_id, action="edit", text=typed), "ada")
    kept = reviewed(work)[first.call_id].correction
    assert "<EMAIL_" in kept and "<KEY_" in kept and "eve@" not in kept and "sk-proj" not in kept
    assert "eve@" not in str(fates(work)[1][first.call_id])
