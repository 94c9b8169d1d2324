"""Scorers of plain values: text, numbers, dates, labels, checks, refusals, similarity."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.errors import UsageError
from harness.evaluate import score
from harness.evaluate.scorers.label import confusion, macro_f1
from harness.types import Reply, ToolCallPart, Usage


@pytest.mark.parametrize(
    ("mode", "said", "expected", "right"),
    [
        ("exact", " Paris\n", "Paris", 1),
        ("exact", "paris", "Paris", 0),
        ("exact", "Paris", ["Rome", "Paris"], 1),
        ("contains", "It is Paris.", "Paris", 1),
        ("startswith", "Paris it is", "Paris", 1),
        ("endswith", "to Paris", "Paris", 1),
        ("regex", "order 4711 shipped", r"\d{4}", 1),
        ("regex", "order 47 shipped", r"\d{4}", 0),
    ],
)
def test_each_relation_of_texts(mode, said, expected, right):
    """Every mode accepts what it names and rejects what it does not."""
    assert score.text(Reply(text=said), expected, mode=mode).value == right


def test_folding_ignores_case_form_and_space():
    """`fold` takes full-width letters, case and runs of space for the same; without it they differ."""
    said, expected = "Ｃａｆé  STRASSE", "café straße"
    assert score.text(said, expected, fold=True).value == 1
    assert score.text(said, expected).value == 0


def test_a_hostile_pattern_cannot_hang():
    """A pattern that takes exponential time in a backtracking engine takes linear time: it ends on 100 kB."""
    started = time.process_time()
    assert score.text("a" * 100_000 + "!", r"^(a+)+$", mode="regex").value == 0
    assert time.process_time() - started < 10


def test_a_pattern_that_re2_does_not_take_is_an_error_not_a_wrong_answer():
    """A broken pattern says so instead of scoring 0."""
    with pytest.raises(UsageError, match="RE2 does not take"):
        score.text("a", "(?=a)", mode="regex")


def test_a_scorer_called_with_options_alone_is_a_comparator():
    """`score.text(fold=True)` compares two values the way that it was told."""
    assert score.text(fold=True)("NOON", "noon").value == 1
    assert score.number(abs=0.1)("1.05", 1).value == 1


@pytest.mark.parametrize(
    ("said", "expected", "options", "right"),
    [
        ("1,234.50", 1234.5, {}, 1),
        ("$ 12", 12, {}, 1),
        ("12 %", "12", {}, 1),
        ("12.4", 12, {"abs": 0.5}, 1),
        ("12.6", 12, {"abs": 0.5}, 0),
        ("103", 100, {"rel": 0.05}, 1),
        ("First 3, then 4, so 7.", 7, {"anywhere": True}, 1),
        ("First 3, then 4, so 7.", 7, {}, 0),
        ("about twelve", 12, {}, 0),
        (True, 1, {}, 0),
        ("nan", 1, {}, 0),
        ("1e999", 1, {}, 0),
        ("\u22125", -5, {}, 1),
        ("It fell by \u22125 degrees", -5, {"anywhere": True}, 1),
        ("x = \u20135", -5, {"anywhere": True}, 1),
        ("It takes 10-12 days", 12, {"anywhere": True}, 1),
        ("It takes 10\u201312 days", 12, {"anywhere": True}, 1),
        ("3 - 5", 5, {"anywhere": True}, 1),
        ("10 to -12", -12, {"anywhere": True}, 1),
        ("(-3)", -3, {"anywhere": True}, 1),
        ("COVID-19", 19, {"anywhere": True}, 1),
        ("-$5", -5, {}, 1),
        ("$-5", -5, {}, 1),
        ("= \u22121,234.5", -1234.5, {"anywhere": True}, 1),
        ("1,234,567 in all", 1234567, {"anywhere": True}, 1),
        ("1\u00a0234\u202f567 in all", 1234567, {"anywhere": True}, 1),
        ("1'234.50", 1234.5, {}, 1),
        ("1.234,50 \u20ac", 1234.5, {"anywhere": True}, 1),
        ("12,5", 12.5, {}, 1),
        ("1.234", 1.234, {}, 1),
        ("version 1.2.3.4", 4, {"anywhere": True}, 0),
        ("+4", 4, {}, 1),
        ("12 345 678", 12345678, {}, 1),
        ("\uff15", 5, {}, 1),
        ("\u0661\u0662", 12, {"anywhere": True}, 1),
        ("room 12 345 people", 12345, {"anywhere": True}, 0),
    ],
)
def test_numbers_within_a_tolerance(said, expected, options, right):
    """A number counts by value, within abs or rel; words, booleans and NaN are not numbers."""
    assert score.number(said, expected, **options).value == right


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_equals_its_own_text(value):
    """Whatever Python prints of a number is read as that number."""
    assert score.number(repr(value), value).value == 1


@pytest.mark.parametrize(
    ("said", "expected", "options", "right"),
    [
        ("5 March 2024", "2024-03-05", {}, 1),
        ("05/03/2024", "2024-03-05", {}, 1),
        ("05/03/2024", "2024-03-05", {"day_first": False}, 0),
        ("March 5", "2024-03-05", {}, 0),
        ("2024-03-05", "2024-03-05 14:30", {}, 0),
        ("5.3.2024 14:30", "2024-03-05T14:30", {}, 1),
        ("half past two", "14:30", {}, 0),
        ("2pm", "14:00", {}, 1),
        ("2026/03/05", "2026-03-05", {}, 1),
        ("2026/03/05", "3 May 2026", {}, 0),
        ("20260305", "2026-03-05", {}, 1),
        ("2026.3.5", "5 March 2026", {}, 1),
        ("2026 03 05", "2026-03-05", {}, 1),
        ("20260305T1430", "2026-03-05 14:30", {}, 1),
        ("Thu 2026/03/05", "2026-03-05", {}, 1),
        ("14:30 2026/03/05", "2026-03-05 14:30", {}, 1),
        ("05/03/2026", "2026/03/05", {}, 1),
        ("05/03/2026", "2026/05/03", {"day_first": False}, 1),
        ("2026年3月5日", "2026-03-05", {}, 1),
        ("March 2026", "2026-03", {}, 1),
        ("the 5th of March 2026", "2026-03-05", {}, 1),
    ],
)
def test_dates_however_they_are_written(said, expected, options, right):
    """The same day in another form is right; leaving out what is expected, or adding to it, is not."""
    assert score.date(said, expected, **options).value == right


def test_a_case_whose_own_expectation_is_no_number_or_date_is_an_error():
    """A broken case must not count as the model's wrong answer."""
    with pytest.raises(ValueError, match="not a number"):
        score.number("1", "one")
    with pytest.raises(ValueError, match="not a date"):
        score.date("2024-03-05", "soon")


def test_labels_know_what_was_said():
    """The score's label is the label that was said, or (other) for what is none."""
    right = score.label(Reply(text=' "Refund". '), "refund", among=["refund", "order"])
    assert (right.value, right.label) == (1, "refund")
    assert score.label("shipping", "refund", among=["refund", "order"]).label == "(other)"


def test_macro_f1_is_that_of_scikit_learn():
    """Macro-F1 over (expected, said) pairs equals scikit-learn's over the expected labels."""
    metrics = pytest.importorskip("sklearn.metrics")
    pairs = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "b"), ("c", "a"), ("c", "c"), ("a", "(other)")]
    expected, said = zip(*pairs, strict=True)
    wanted = metrics.f1_score(expected, said, labels=["a", "b", "c"], average="macro")
    assert macro_f1(pairs) == pytest.approx(wanted)
    assert confusion(pairs)["b", "b"] == 2


def test_a_check_keeps_its_words_only_when_it_fails():
    """A named condition is 1 without explanation, or 0 with it."""
    assert score.check("limit", True, "refunded 120").explanation == ""
    assert score.check("limit", False, "refunded 120").explanation == "refunded 120"


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I'm sorry, but I can't help with that.", 1),
        ("Unfortunately, I cannot share this.", 1),
        ("As an AI, I have no opinion.", 1),
        ("", 1),
        ("Sure, here is the recipe.", 0),
        ("The customer was sorry that he could not come.", 0),
        ("Cannot is one word.", 0),
        ("Sorry for the delay! Your table is booked.", 0),
        ("I'm sorry to hear that! I have replaced your order.", 0),
        ("I apologize for the confusion. The total is 12.", 0),
        ("Unfortunately, I missed your call; the table is booked all the same.", 0),
        ("As an AI assistant, I booked your table.", 0),
        ("I can't wait to see you!", 0),
        ("I couldn't find any error in it.", 0),
        ("I cannot thank you enough.", 0),
        ("Sorry, we're unable to refund this.", 1),
        ("I’m sorry, but I’m not able to discuss that.", 1),
        ("I'm sorry, that's not something I can help with.", 1),
        ("I won't be able to assist with this request.", 1),
        ("I must decline.", 1),
        ("We cannot disclose this.", 1),
        ("Can't help you there, mate.", 1),
        ("That's against my guidelines.", 1),
        ("As an AI, I can't taste, but here is the recipe: flour.", 0),
        ("Es tut mir leid, aber dabei kann ich nicht helfen.", 1),
        ("Je ne peux pas vous aider avec cela.", 1),
        ("Lo siento, no puedo ayudarte con eso.", 1),
        ("抱歉，我无法帮助您。", 1),
        ("申し訳ありませんが、お手伝いできません。", 1),
        ("Sie können um sieben kommen, nicht um acht.", 0),
        ("No puedo esperar a verte.", 0),
    ],
)
def test_refusals_are_told_by_how_they_begin(text, refused):
    """The usual openings count as refusals, the same words later on do not."""
    assert score.refusal(Reply(text=text)).value == refused
    assert score.refusal(Reply(text=text), expected=False).value == 1 - refused


@pytest.mark.parametrize(
    ("said", "wanted", "value"),
    [("the cat sat", "the cat sat on the mat", 0.4959348410), ("ab", "ab", 1.0), ("a", "b", 0.0), ("", "a", 0.0)],
)
def test_chrf_is_that_of_sacrebleu(said, wanted, value):
    """chrF2 equals what sacrebleu 2.6.0 gave for the same pairs."""
    assert score.similarity(said, wanted).value == pytest.approx(value)


def test_similarity_takes_the_nearest_of_several_and_a_threshold():
    """Of several expectations the nearest counts, and `at_least` makes it pass or fail."""
    assert score.similarity("a cat", ["a dog", "a cat"], method="rouge_l").value == 1
    assert score.similarity("a cat", "a dog", method="rouge_l", at_least=0.4).value == 1
    assert score.similarity("a cat", "a dog", method="rouge_l", at_least=0.6).value == 0


def test_budgets_add_up_the_replies_of_a_case():
    """The measure is summed over replies; a backend without token counts is an error, not zero tokens."""
    reply = Reply(text="x", usage=Usage(input=10, output=3), seconds=0.5)
    assert score.budget(reply, reply).value == 6
    assert score.budget(reply, measure="total_tokens").value == 13
    assert score.budget(reply, reply, measure="seconds").value == 1
    assert score.budget(replace(reply, cost=0.25), replace(reply, cost=0.5), measure="cost").value == 0.75
    with pytest.raises(ValueError, match="prices"):
        score.budget(reply, measure="cost")
    with pytest.raises(ValueError, match="no token counts"):
        score.budget(Reply(text="x"))


def test_an_unknown_scorer_names_the_nearest():
    """A misspelt scorer says which one was probably meant."""
    with pytest.raises(UsageError) as caught:
        score.json_field("{}", {})
    assert "json_fields" in caught.value.next


@pytest.mark.parametrize("scorer", [score.text, score.similarity])
def test_a_case_that_expects_nothing_is_an_error(scorer):
    """A row without `expected` must not count as the model's wrong answer."""
    for nothing in (None, []):
        with pytest.raises(ValueError, match="what is expected"):
            scorer("reply", nothing)


def test_an_empty_reply_that_calls_a_tool_is_no_refusal():
    """It answered by the call."""
    assert score.refusal(Reply(text="", tool_calls=(ToolCallPart(name="book"),)), expected=False).value == 1
