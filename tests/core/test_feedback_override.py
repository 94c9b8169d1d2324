"""Whose word counts when feedback was edited, overridden or withdrawn."""

import itertools

import pytest

from harness.core.feedback_override import best_correction, contradict
from harness.core.link_feedback import link
from harness.types import Call, Feedback, Message, TextPart

CALL = Call(
    id="t:1", trace_id="t", span_id="1", output=(Message(role="assistant", parts=(TextPart(text="a"),)),), end_ns=1
)


def said(number, value=None, at=0, **fields):
    given = {"id": f"f{number}", "call_id": "t:1", "name": "thumb", "value": value, "at_ns": at, "user_id": "ada"}
    return Feedback(**{**given, **fields})


def left(*records):
    """What holds of these records, in whatever order they are read: (value, correction) of each."""
    found = {
        tuple(sorted((str(one.value), str(one.correction)) for one in link([CALL], order)))
        for order in itertools.permutations(records)
    }
    assert len(found) == 1
    return list(found.pop())


@pytest.mark.parametrize(
    ("records", "kept"),
    [
        ([said(1, 0, at=5, key="k"), said(2, 1, at=5, key="k", changed_ns=9)], ["1"]),  # edited under its id
        ([said(1, 0, at=5, key="a"), said(2, 1, at=6, key="b", overrides="a", user_id="bob")], ["1"]),
        ([said(1, 1, at=5), said(2, -1, at=6)], ["-1"]),  # the same author pressed the other thumb
        ([said(1, 1, at=5), said(2, -1, at=6, user_id="bob")], ["-1", "1"]),  # two people
        ([said(1, 1, at=5), said(2, -1, at=6, name="other")], ["-1", "1"]),
        ([said(1, 1, at=5), said(2, at=6, withdrawn=True)], []),  # taken back
        ([said(1, 1, at=5), said(2, at=6, withdrawn=True), said(3, -1, at=7)], ["-1"]),
        ([said(1, 1, at=5, key="k"), said(2, at=5, key="k", withdrawn=True)], []),  # no longer valid
        ([said(1, 1, at=5), said(2, 1, at=5)], ["1"]),  # the same word from two exports
        ([said(1, 1), said(2, -1)], ["-1", "1"]),  # no time tells which is the later one
    ],
)
def test_the_newest_word_of_an_author_counts(records, kept):
    """By the producer's own id and time; a withdrawn thumb is gone; order of reading decides nothing."""
    assert [value.removesuffix(".0") for value, _ in left(*records)] == kept


def test_a_new_rating_does_not_take_a_correction_back():
    """A thumb and a correction are two words of one author; each is replaced by a later one of its kind."""
    records = [said(1, -1, at=5, correction="first"), said(2, 1, at=6), said(3, at=7, correction="second")]
    assert left(*records) == [("1", "None"), ("None", "second")]
    assert left(records[0], records[1]) == [("1", "None"), ("None", "first")]


def test_feedback_of_no_known_call_waits_with_all_its_versions():
    """Two turns of a session may be meant, so nothing is replaced before the calls are known."""
    records = [said(1, 1, at=5, call_id="", session_id="s"), said(2, -1, at=6, call_id="", session_id="s")]
    assert len(link([], records)) == 2


def test_a_correction_is_never_chosen_by_chance():
    """A person's goes before a program's, then the newest; of two at one time none, unless they say the same."""
    one, two = said(1, at=5, correction="x"), said(2, at=5, correction="y", user_id="bob")
    newer, program = said(3, at=6, correction="z"), said(4, at=9, correction="p", source_kind="code")
    assert best_correction([one, two]) is best_correction([two, one]) is None
    assert contradict([one, two])
    assert best_correction([one, two, newer, program]) == newer
    assert best_correction([one, said(5, at=5, correction="X.")]) is not None
    assert not contradict([said(6, 1)])
