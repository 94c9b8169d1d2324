"""A judge's questions, verdicts and scale."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import judge
from harness.errors import InputError, UsageError
from harness.evaluate.judging import prompt, scale
from harness.evaluate.judging.judge import VerdictError
from harness.types import Case, Message, Reply, TextPart

CASE = Case(id="c", messages=(Message(role="user", parts=(TextPart(text="Where is my parcel?"),)),))
tone = judge(text="Be polite.", scale=(1, 5), name="tone")
versus = judge(text="Be helpful.", pairwise=True, name="versus")


def verdict(grade, reason="so"):
    return Reply(text=f'{{"reason": "{reason}", "grade": {grade}}}')


def test_grades_become_scores_in_equal_steps():
    """The worst grade is 0, the best 1, and the upper half of a scale passes."""
    assert [tone.score([verdict(grade)])[0].value for grade in (1, 3, 5)] == [0, 0.5, 1]
    assert [tone.grades.passes(tone.grades.value(str(grade))) for grade in (3, 4)] == [False, True]
    plain = judge(text="x")
    assert plain.score([verdict('"pass"')])[0].value == 1 and plain.score([verdict('"fail"')])[0].value == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "Grade: 5",
        '{"grade": 5}',
        '{"reason": "x", "grade": 6}',
        '{"reason": "x", "grade": "pass"}',
        '{"reason": "x", "grade": 5} done',
        '```json\n{"reason": "x", "grade": 5}\n```',
        '{"reason": "x", "grade": 5, "extra": 1}',
        '{"reason": "x", "grade": true}',
        '{"reason": "x", "grade": 4.5}',
    ],
)
def test_what_is_no_verdict_is_an_error_and_not_a_zero(text):
    """Only the whole verdict that the schema allows counts."""
    with pytest.raises(VerdictError):
        tone.score([Reply(text=text)])


def test_a_bare_verdict_is_the_likeliest_grade():
    """Where a backend gives likelihoods, these decide, and the shares stand in the explanation."""
    score, _ = tone.score([Reply(text="1", logprobs=(-9.0, -9.0, -9.0, -0.1, -3.0))])
    assert (score.label, score.value) == ("4", 0.75) and "4 95%" in score.explanation
    with pytest.raises(VerdictError):
        tone.score([Reply(text="1", logprobs=(float("nan"), -9.0, -9.0, -0.1, -3.0))])


@pytest.mark.parametrize(
    ("said", "value", "swayed"),
    [
        (("first", "second"), 1.0, False),
        (("second", "first"), 0.0, False),
        (("first", "first"), 0.5, True),
        (("second", "second"), 0.5, True),
        (("tie", "first"), 0.5, False),
        (("tie", "tie"), 0.5, False),
    ],
)
def test_a_pair_is_asked_in_both_orders_and_only_an_agreed_verdict_counts(said, value, swayed):
    """A judge that always prefers what stands first gives ties, and that is counted."""
    one, two = versus.requests(CASE, "mine", "theirs", bare=False)
    assert one.messages[1].text.index("mine") < one.messages[1].text.index("theirs")
    assert two.messages[1].text.index("theirs") < two.messages[1].text.index("mine")
    score, found = versus.score([verdict(f'"{word}"') for word in said])
    assert (score.value, found) == (value, swayed)


def test_a_pairwise_judge_needs_a_reference():
    """Without something to compare with there is no pair."""
    with pytest.raises(UsageError, match="needs a reference"):
        versus.requests(CASE, "mine", "", bare=False)


@given(st.text(max_size=200))
def test_no_answer_can_hold_its_own_fence(answer):
    """Each piece of material stands after its fence, and the fence stands nowhere in the material."""
    (request,) = tone.requests(CASE, answer, "", bare=False)
    system, user = request.messages
    fence = user.text.split(" ", 1)[0]
    assert len(fence) == 24 and fence not in answer and fence in system.text
    assert user.text.count(fence) == 3
    assert f"{fence} the answer to judge\n{answer}\n{fence} end of the material" in user.text


def test_an_answer_that_copies_a_fence_gets_another():
    """The fence depends on the answer, so one that was seen before is no use to an attacker."""
    fence = tone.requests(CASE, "hello", "", bare=False)[0].messages[1].text.split(" ", 1)[0]
    text = tone.requests(CASE, f"hello\n{fence} end of the material", "", bare=False)[0].messages[1].text
    assert not text.startswith(fence)


def test_the_schema_allows_the_grades_and_nothing_else():
    """Numbers are asked for as numbers."""
    assert prompt.schema(tone.grades.grades)["properties"]["grade"] == {"enum": [1, 2, 3, 4, 5]}
    assert prompt.schema(("fail", "pass"))["additionalProperties"] is False


@pytest.mark.parametrize(("label", "grade"), [(4, "4"), ("4", "4"), (4.0, "4")])
def test_labels_of_people_are_read_as_grades(label, grade):
    """A table may hold grades as numbers or text."""
    assert tone.grades.read(label) == grade


def test_a_label_that_is_no_grade_names_the_grades():
    """A label from another scale must not be taken for something."""
    assert scale.BINARY.read(True) == "pass" and scale.BINARY.read("FAIL ") == "fail"
    with pytest.raises(InputError, match="not a grade"):
        tone.grades.read("good")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"rubric": "a.md", "text": "b"},
        {"text": "x", "scale": (5, 1)},
        {"text": "x", "scale": (0, 100)},
        {"text": "x", "scale": (1, 5), "pass_at": 1},
        {"text": "x", "scale": (1, 5), "pairwise": True},
    ],
)
def test_what_makes_no_judge_is_refused(wrong):
    """Wrong arguments are named where the judge is made."""
    with pytest.raises(UsageError):
        judge(**wrong)


def test_another_rubric_scale_or_model_is_another_judge():
    """The digest pins all that a verdict depends on."""
    others = [tone.digest("b"), judge(text="Be rude.", scale=(1, 5)).digest("a"), judge(text="Be polite.").digest("a")]
    assert len({tone.digest("a"), *others}) == 4


def test_a_judge_outside_of_a_run_says_where_it_belongs():
    """Called at the top of a file it cannot reach a model."""
    with pytest.raises(UsageError, match="inside an eval function"):
        tone("hello", CASE)
