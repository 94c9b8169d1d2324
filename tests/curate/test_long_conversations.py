"""Long conversations: their answers share rows, within a budget, and one conversation alone cannot be split."""

import pytest

from harness.core.codec import digest, read_lines
from harness.core.conversations import size
from harness.core.dataset_files import read_split
from harness.curate import card
from harness.curate.options import CurateOptions
from harness.curate.stage import curate, write
from harness.errors import UndecidedError
from harness.mine.stage import mine
from harness.types import Call, Case, Feedback
from tests.curate.traces import call, say, thumb

TURNS, RATED = 40, 4
LETTERS = str.maketrans("0123456789", "ghijklmnop")


def words(seed: int) -> str:
    """A message like no other."""
    return " ".join(digest([seed, place]).translate(LETTERS)[:7] for place in range(6))


def chat(
    number: int, corrected: tuple[int, ...], turns: int = TURNS, every: int = RATED
) -> tuple[list[Call], list[Feedback]]:
    """A chat in which one answer in `every` is rated: those of `corrected` get another answer, the others praise."""
    talk, calls, feedback = [say("system", "You are a waiter.")], [], []
    for turn in range(turns):
        at = number * turns + turn
        talk.append(say("user", words(at)))
        answer = words(at + 2 * 10**6)
        calls.append(call(at, "", answer, session_id=f"chat{number}", user_id=f"user{number}", input=tuple(talk)))
        if turn in corrected:
            feedback.append(thumb(f"t:{at}", -1, words(at + 10**6)))
        elif turn % every == 0:
            feedback.append(thumb(f"t:{at}", 1))
        talk.append(say("assistant", answer))
    return calls, feedback


def curated(chats, **options):
    calls = [item for found in chats for item in found[0]]
    feedback = [item for found in chats for item in found[1]]
    knobs = {"min_failures": 2, "user_share_cap": 1.0, "held_out_share": 0.5, **options}
    return curate(calls, feedback, mine(calls, feedback), sticky={}, options=CurateOptions(**knobs))


def test_the_rated_turns_of_a_chat_are_one_row_beside_its_corrections(tmp_path):
    """Ten rated turns, one of them corrected: two rows instead of ten, and every answer is there."""
    result = curated([chat(number, (20,)) for number in range(6)])
    write(result, tmp_path)
    rows = list(read_lines(tmp_path / "train.jsonl", Case))
    cases = read_split(tmp_path, "train")
    chats = {case.session_id for case in cases}
    assert len(cases) == 10 * len(chats) == result.dataset.fates["train"] and len(rows) == 2 * len(chats)
    assert sorted(case.id for case in cases) == sorted(case.id for case in result.splits["train"])
    context = result.dataset.notes["context"]
    said = sum(size([*row.messages, row.target]) for row in rows)
    assert context["tokens"] == said < context["tokens_before"] / 3
    assert f"{10 * len(chats)} training answers in {2 * len(chats)} rows" in card.markdown(
        result.dataset, result.splits
    )


def test_no_conversation_is_in_training_and_in_judging():
    result = curated([chat(number, (20,)) for number in range(6)])
    sides = {name: {case.session_id for case in result.splits[name]} for name in ("train", "held_out", "regression")}
    assert sides["train"] and sides["held_out"]
    assert not sides["train"] & (sides["held_out"] | sides["regression"])


def test_corrections_beyond_the_budget_are_left_out_with_a_reason():
    """Forty corrected turns of one chat cannot share; what stays has at most four times the words of the chat."""
    chats = [chat(number, tuple(range(TURNS))) for number in range(4)]
    result = curated(chats)
    left_out = [fate for fate in result.fates if fate.fate == "context_budget"]
    rows = result.splits["train"]
    assert len(left_out) == result.dataset.fates["context_budget"] > 20
    assert all(fate.detail for fate in left_out)
    for session in {case.session_id for case in rows}:
        ours = [case for case in rows if case.session_id == session]
        whole = size(next(item.input for item in chats[int(session[-1])][0][::-1])) + TURNS * 7
        assert whole < sum(size([*case.messages, case.target]) for case in ours) <= 4 * whole
    assert "left out by [curate] context_budget" in card.shared(result.dataset)
    assert "context_budget" not in curated(chats, context_budget=0.0).dataset.fates


def test_one_conversation_cannot_be_split_and_curate_says_so():
    with pytest.raises(
        UndecidedError, match=r"of one conversation \(session chat0\), which cannot be split"
    ) as refused:
        curated([chat(0, tuple(range(TURNS)), turns=200, every=4)])
    assert "other conversations" in refused.value.next


def test_one_user_cannot_be_split_under_group_by_user():
    calls = [call(at, words(at), "wrong", user_id="ann") for at in range(40)]
    feedback = [thumb(item.id, -1, f"right {item.id}") for item in calls]
    with pytest.raises(UndecidedError, match=r"of one user \(ann\)") as refused:
        curated([(calls, feedback)], group_by_user=True)
    assert "group_by_user = false" in refused.value.next


def test_alike_texts_are_said_to_be_one_group():
    calls = [call(at, f"please bring the soup of the day to table number {at}", "wrong") for at in range(30)]
    feedback = [thumb(item.id, -1, f"right {item.id}") for item in calls]
    with pytest.raises(UndecidedError, match="one group of alike texts"):
        curated([(calls, feedback)])
