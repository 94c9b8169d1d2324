"""Answers of one conversation share a row, exactly, and within a budget."""

from msgspec.structs import replace

from harness.core.codec import decode, digest, encode
from harness.core.conversations import answer_of, folded, over_budget, size, unfolded
from harness.core.dataset_files import read_split, write_train
from harness.types import Case, Message, ReasoningPart, TextPart, ToolCallPart, ToolResultPart


def say(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=text),))


def chat(turns: int, session: str = "s") -> list[Case]:
    """The cases of a conversation in which every answer is what it goes on with."""
    talk: list[Message] = []
    cases = []
    for turn in range(turns):
        talk.append(say("user", f"{session}: question {turn}"))
        answer = say("assistant", f"answer {turn}")
        cases.append(
            Case(id=f"{session}{turn}", call_id=f"call-{turn}", session_id=session, messages=tuple(talk), target=answer)
        )
        talk.append(answer)
    return cases


def test_a_conversation_is_one_row_that_holds_every_message_once():
    """Twenty answers, one row; unfolding gives each of them back as it was."""
    cases = chat(20)
    (row,) = folded(cases)
    assert row.id == "s19" and [turn.at for turn in row.turns] == [2 * turn + 1 for turn in range(19)]
    assert list(unfolded(row)) == cases
    assert len(encode(row)) < 0.3 * sum(len(encode(case)) for case in cases)


def test_what_is_read_back_from_a_file_is_what_was_written(tmp_path):
    cases = [*chat(3, "a"), *chat(4, "b")]
    write_train(tmp_path, cases)
    assert (tmp_path / "train.jsonl").read_bytes().count(b"\n") == 2
    assert list(read_split(tmp_path, "train")) == cases


def test_a_correction_that_the_conversation_did_not_go_on_with_is_a_row_of_its_own():
    """Its history is shared with nobody: the later rows hold what was answered, not what should have been."""
    cases = chat(4)
    cases[1] = replace(cases[1], target=say("assistant", "another answer"))
    rows = folded(cases)
    assert [(row.id, [turn.case.id for turn in row.turns]) for row in rows] == [("s1", []), ("s3", ["s0", "s2"])]


def test_other_tools_users_sessions_and_groups_share_nothing():
    first, second = chat(2)
    for change in ({"tools": ({"name": "find"},)}, {"user_id": "u"}, {"session_id": "t"}, {"group": "g"}):
        assert len(folded([first, replace(second, **change)])) == 2
    assert len(folded([first, second])) == 1


def test_another_history_with_the_same_last_answer_shares_nothing():
    first, second = chat(2)
    other = (say("user", "s: something else"), *second.messages[1:])
    assert len(folded([first, replace(second, messages=other)])) == 2


def test_reasoning_that_the_history_leaves_out_is_kept_with_the_answer():
    """A reasoning model's history has no reasoning; the answer that is learnt has."""
    first, second = chat(2)
    thought = Message(role="assistant", parts=(ReasoningPart(text="hm"), *first.target.parts))
    first = replace(first, target=thought)
    (row,) = folded([first, second])
    assert list(unfolded(row)) == [first, second]


def test_the_turns_of_an_agent_share_a_row():
    """Tool calls and their results are history like any other."""
    ask = (say("user", "find it"),)
    call = Message(role="assistant", parts=(ToolCallPart(id="1", name="find", arguments='{"a": 1}'),))
    result = Message(role="tool", parts=(ToolResultPart(id="1", content="7"),))
    cases = [
        Case(id="a", messages=ask, target=call),
        Case(id="b", messages=(*ask, call, result), target=say("assistant", "seven")),
    ]
    (row,) = folded(cases)
    assert list(unfolded(row)) == cases


def test_rows_without_turns_keep_their_id_and_older_rows_decode():
    case = chat(1)[0]
    assert folded([case]) == [case] and b"turns" not in encode(case)
    assert decode(encode(case), Case) == case and digest(folded([case])) == digest([case])


def test_a_budget_bounds_what_is_repeated():
    """Fifty corrections of one chat: the rows that stay have at most four times the words of the whole chat."""
    cases = [replace(case, target=say("assistant", f"right {case.id}")) for case in chat(50)]
    answers = [answer_of(case, (at,)) for at, case in enumerate(cases)]
    left_out = over_budget(answers, 4.0)
    distinct = size([*cases[-1].messages, *(case.target for case in cases)])
    kept = [case for at, case in enumerate(cases) if at not in left_out]
    spent = sum(size((*case.messages, case.target)) for case in kept)
    assert 2 * distinct < spent <= 4 * distinct < sum(size((*case.messages, case.target)) for case in cases)
    assert over_budget(answers, 0.0) == [] and 0 not in left_out


def test_the_budget_leaves_short_and_shared_conversations_alone():
    """Up to six corrected turns fit; shared answers cost nothing; a greeting joins nobody's budget."""
    short = [replace(case, target=say("assistant", f"right {case.id}")) for case in chat(6)]
    assert over_budget([answer_of(case) for case in short], 4.0) == []
    assert over_budget([answer_of(case) for case in chat(50)], 4.0) == []
    assert len(over_budget([answer_of(case) for case in chat(50)], 4.0, shared=False)) > 20
    hello = say("user", "hi"), say("assistant", "hello")
    many = [
        Case(
            id=str(at),
            messages=(*hello, say("user", f"{at} and many more words {at * 7}")),
            target=say("assistant", "x"),
        )
        for at in range(200)
    ]
    assert over_budget([answer_of(case) for case in many], 4.0) == []
