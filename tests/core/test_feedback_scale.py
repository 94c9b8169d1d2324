"""What a number or a word of feedback means: praise, blame, neutral or unknown, by all values of its name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.feedback_scale import praised, read
from harness.types import Feedback, FeedbackScale, Source


def readings(name, *values, stated=None, **fields):
    """Reading of each value (a text is a label) in a table that holds just these."""
    records = [
        Feedback(
            id=str(number),
            name=name,
            value=None if isinstance(value, str) else value,
            label=value if isinstance(value, str) else "",
            source=Source(format="feedback"),
            **fields,
        )
        for number, value in enumerate(values)
    ]
    return [record.reading for record in read(records, stated or {})]


B, P, N, U = "blame", "praise", "neutral", "unknown"


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("rating", (1, 2, 3, 4, 5), [B, B, N, P, P]),  # five stars
        ("rating", (1, 5), [B, P]),
        ("user-rating", (2.5, 4.5, 5), [B, P, P]),  # half stars
        ("score", (1, 4, 5, 6, 7, 10), [B, B, N, N, P, P]),  # 1 to 10
        ("score", (0, 20, 50, 85, 100), [B, B, N, P, P]),  # percent
        ("quality", (0, 0.2, 0.5, 0.8, 1), [B, B, N, P, P]),
        ("user_feedback", (1, 0), [P, B]),  # two thumbs
        ("user_feedback", (1,), [P]),
        ("thumb", (1, -1, 0), [P, B, N]),  # 0 is nothing pressed, where -1 is thumbs-down
        ("l", (1, -1), [P, B]),  # a sign tells by itself
        ("nps", (0, 6, 7, 8, 9), [B, B, N, N, P]),
        ("hallucination", (0, 1), [P, B]),
        ("hallucination", (1,), [B]),
        ("Toxicity", (0.02, 0.97), [P, B]),
        ("perplexity", (3.1, 12.0), [U, U]),  # without an upper end
        ("disliked", (1, 0), [B, P]),
        ("non_toxicity", (0.02, 0.97), [B, P]),
        ("response_bias", (0.9, 0.1), [B, P]),
        ("stars", (1,), [B]),
        ("rating", ("1/5", "4/5", "4 stars", "★★☆☆☆", "3 / 5"), [B, P, P, B, N]),
        ("rating", ("90%", "10%"), [P, B]),
        (
            "helpful",
            ("N/A", "n.a.", "not applicable", "None", "no", "yes"),
            [U, U, U, U, B, P],
        ),  # no answer is no blame
        ("harmfulness", ("none", "N/A", "high"), [P, U, B]),  # nothing harmful
        ("poor_quality", (1, 0), [B, P]),
        ("answer_issues", ("yes", "no"), [B, P]),
        ("toxicity_passed", (1, 0), [P, B]),
        ("sentiment_score", (-5, 5, 0.5), [B, P, N]),
        (
            "rating",
            (
                "4 von 5",
                "1 sur 5",
                "3 de 5",
                "\u2b50\ufe0f\u2b50\ufe0f",
                "\U0001f31f\U0001f31f\U0001f31f\U0001f31f\U0001f31f",
            ),
            [P, B, N, B, P],
        ),
        ("likert", ("1 - Very poor", "5 - Excellent", "3: OK"), [B, P, N]),
        ("satisfaction", ("Strongly disagree", "Neither agree nor disagree", "Strongly agree"), [B, N, P]),
        ("solved", ("No, not solved", "not solved", "solved"), [B, B, P]),
        ("avis", ("nul", "insuffisant", "tr\u00e8s bien"), [B, B, P]),
        ("grade", (40, 55, 90, 100), [N, N, P, P]),
        ("preference", ("A is better", "B is better", "better"), [U, U, P]),  # of two answers, not of production's
    ],
)
def test_usual_scales_are_known_by_their_values_and_names(name, values, expected):
    """Stars, points, percent, shares, thumbs and harms, each read from its worst to its best end."""
    assert readings(name, *values) == expected


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("rating", (1,)),  # the worst of five or the best of two
        ("rating", (4,)),  # of 5 or of 10
        ("verbosity", (0.1, 0.9)),  # nobody knows which end is better
        ("used_tool", ("true", "false")),
        ("l", (0, 1)),
        ("elo", (1200, 1450)),
        ("grade", ("A", "C")),
        ("latency", (100, 2000)),
        ("grade", (1, 2, 5)),  # the best mark in Berlin, the worst in Moscow
        ("needs_review", (0, 1)),
        ("requires_human_feedback", (0, 1)),
        ("difficulty_rating", (1, 5)),
        ("customer_effort_score", (1, 5)),
        ("attack_success", (0, 1)),
        ("satisfaction_drop", (0.2, 0.9)),
        ("rank_score", (1, 5)),
    ],
)
def test_what_no_scale_settles_is_neither_praise_nor_blame(name, values):
    """An unknown range or direction is said to be unknown, never guessed."""
    assert set(readings(name, *values)) == {U}


def test_values_are_read_as_far_as_all_scales_that_fit_agree():
    """1 and 2 are low on every scale they can be of but one, where 2 is the middle; 3 of 20 may be the top of three."""
    assert readings("rating", 1, 2) == [B, U]
    assert readings("rating", *([1, 2, 3] * 10))[:3] == [B, U, U]
    assert readings("rating", *([2, 3, 4] * 10))[:3] == [B, N, P]  # nobody of 30 used more than 5


@pytest.mark.parametrize(
    "label",
    [
        "thumbs-down",
        "Thumbs Down",
        "ThumbsDown",
        ":thumbsdown:",
        ":-1:",
        "👎",
        "👎🏽",
        "poor",
        "Wrong",
        "not helpful",
        "unhelpful",
    ]
    + ["NOT_HELPFUL", "dislike", "negative", "very bad", "isn't right", "was wrong", "off-topic", "hallucinated", "☹️"]
    + [
        "nicht hilfreich",
        "falsch",
        "mauvais",
        "incorrecto",
        "sbagliato",
        "ruim",
        "неправильно",
        "错误",
        "間違い",
        "不满意",
    ],
)
def test_words_and_signs_of_blame(label):
    """In any spelling, with and without a sign, in several languages."""
    assert readings("l", label) == [B]


@pytest.mark.parametrize(
    "label",
    [
        "thumbs_up",
        ":+1:",
        "👍",
        "good",
        "not bad",
        "really helpful",
        "correct",
        "richtig",
        "bien",
        "正确",
        "役に立った",
        "❤️",
    ],
)
def test_words_and_signs_of_praise(label):
    """The same for praise."""
    assert readings("l", label) == [P]


def test_partly_right_is_neither():
    """A reviewer who says so has neither praised nor blamed."""
    assert readings("l", "partially correct", "neutral", "ok", "🤷") == [N] * 4


@pytest.mark.parametrize(("name", "yes"), [("correctness", P), ("hallucination", B), ("is_toxic", B), ("resolved", P)])
def test_yes_answers_the_question_that_the_name_asks(name, yes):
    """Yes to "hallucination?" is blame, yes to "correct?" praise; so are true and false, in every spelling."""
    other = {P: B, B: P}[yes]
    assert readings(name, "yes", "No", "true", "False", "ja", "non") == [yes, other, yes, other, yes, other]


def test_a_label_beats_its_index():
    """The number of a category is only its place in a list."""
    kind = FeedbackScale(kind="label")
    records = [
        Feedback(id=str(number), name="verdict", value=value, label=label, scale=kind)
        for number, (value, label) in enumerate([(2, "bad"), (1, "incorrect"), (0, "great"), (2, "billing")])
    ]
    assert [record.reading for record in read(records)] == [B, B, P, U]


def test_a_stated_scale_beats_everything():
    """trueup.toml names range, better end, neutral band and labels; names match whatever their case and dashes."""
    stated = {"My Rating": FeedbackScale(low=1, high=5, better="low")}
    assert readings("my-rating", 1, 3, 5, stated=stated) == [P, N, B]
    assert readings("x", 2, 4, stated={"x": FeedbackScale(low=1, high=5)}) == [B, P]
    assert readings("x", 3, 4, 5, stated={"x": FeedbackScale(low=1, high=5, neutral=(4, 4))}) == [B, N, P]
    assert readings("tone", "A", "b", "c", stated={"tone": FeedbackScale(praise=("a",), blame=("B",))}) == [P, B, U]
    assert readings("toxicity", 1, 9, stated={"toxicity": FeedbackScale(low=0, high=10)}) == [P, B]


def test_a_declared_scale_beats_the_values():
    """A config that says 0 to 10 makes 5 the middle; categories with values give labels their place."""
    assert readings("rating", 5, 1, scale=FeedbackScale(low=0, high=10)) == [N, B]
    labels = FeedbackScale(kind="label", labels={"terrible": 0, "so-so-ish": 1, "superb": 2})
    assert readings("verdict", "so-so-ish", "superb", scale=labels) == [N, P]
    unsaid = FeedbackScale(kind="label", labels={"low tier": 0, "top tier": 2}, better="high")
    assert readings("tier", "low tier", "top tier", scale=unsaid) == [B, P]


def test_one_name_of_two_producers_has_two_scales():
    """Thumbs of one system do not change the stars of another."""
    stars = [Feedback(id=f"s{n}", name="rating", value=n, source=Source(format="feedback")) for n in (1, 5)]
    thumbs = [Feedback(id=f"t{n}", name="rating", value=n, source=Source(format="helicone")) for n in (0, 1)]
    assert [record.reading for record in read([*stars, *thumbs])] == [B, P, B, P]


def test_a_scale_that_is_learnt_later_changes_what_was_read_earlier():
    """A 1 that could be anything is the worst once a 5 is there."""
    assert readings("rating", 1) == [U]
    assert readings("rating", 1, 5) == [B, P]


def test_praise_needs_nobody_against_it():
    """One blame, or another answer that was entered, and the call is not praised; a comment changes nothing."""
    up, down = Feedback(id="a", reading="praise"), Feedback(id="b", reading="blame")
    assert praised([up, Feedback(id="c", comment="nice"), Feedback(id="d", expectation="be polite")])
    assert not praised([up, down])
    assert not praised([up, Feedback(id="e", correction="other")])
    assert not praised([Feedback(id="f", reading="unknown")])


@given(
    st.lists(
        st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-5, 120), st.text(max_size=12)),
        max_size=12,
    ),
    st.text(max_size=8),
    st.randoms(),
)
def test_readings_depend_on_the_values_and_not_on_their_order(values, name, rng):
    """Any value of any name has one of four readings, whatever order the table is in; goodness is a share."""
    records = [
        Feedback(
            id=str(n), name=name, value=None if isinstance(v, str) else float(v), label=v if isinstance(v, str) else ""
        )
        for n, v in enumerate(values)
    ]
    straight = {record.id: (record.reading, record.goodness) for record in read(records)}
    rng.shuffle(records)
    assert {record.id: (record.reading, record.goodness) for record in read(records)} == straight
    for record in records:
        reading, goodness = straight[record.id]
        assert reading in ((P, B, N, U) if record.rates else ("",))
        assert goodness is None or 0 <= goodness <= 1
