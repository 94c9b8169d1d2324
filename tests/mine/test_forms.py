"""Norms of form: optional keys, unions, lists, several forms on one route, prose beside JSON."""

import json

import pytest

from harness.mine.forms import learn_forms, parse, slip

DATES = [f"day {at}" for at in range(40)]


def slips(good, *answers):
    forms = learn_forms(item if isinstance(item, str) else json.dumps(item) for item in good)
    return [slip(item if isinstance(item, str) else json.dumps(item), forms) for item in answers]


def test_keys_that_some_good_answers_leave_out_are_optional():
    """Any subset is right, the empty object too; prose and a key that nobody has are not."""
    good = [{"date": day} for day in DATES] + [{"time": "7"} for _ in DATES] + [{"date": "x", "time": "y"}] * 40
    assert slips(good, {"date": "a"}, {"time": "b"}, {"date": "a", "time": "b"}, {}) == [""] * 4
    assert slips(good, {"day": "a"}, "on Monday") == [
        "the answer has the unknown key day",
        "the answer is not one JSON object",
    ]


def test_few_answers_with_optional_keys_do_not_forbid_new_ones():
    """Fourteen sparse answers say little of which keys there are."""
    good = [{"date": day} for day in DATES[:7]] + [{"time": "7"}] * 7
    assert slips(good, {"people": 2}, {}) == ["", ""]


def test_keys_that_all_have_are_required():
    good = [{"a": day, "b": 1} for day in DATES]
    assert slips(good, {"a": 1}, {"a": 1, "b": 2, "c": 3}, {"b": 0, "a": None}) == [
        "the answer lacks the key b",
        "the answer has the unknown key c",
        "",
    ]


def test_one_bad_good_answer_in_a_hundred_changes_nothing():
    good = [{"a": 1, "b": 1}] * 99 + [{"a": 1}]
    assert slips(good, {"a": 1}, {"a": 1, "b": 2}) == ["the answer lacks the key b", ""]


def test_a_union_asks_for_one_of_its_sets():
    """A booking or a question: half a booking is neither."""
    good = [{"type": "book", "date": day, "people": 2} for day in DATES] + [{"type": "ask", "question": "when?"}] * 20
    assert slips(
        good, {"type": "ask", "question": "x"}, {"type": "book", "date": "a"}, {"type": "ask", "people": 3}
    ) == [
        "",
        "the answer lacks the key people",
        "the answer lacks the key date",
    ]


def test_items_of_lists_have_a_form():
    good = [[{"dish": day, "count": 1}] * (at % 3) for at, day in enumerate(DATES)]
    assert slips(good, [], [{"dish": "a", "count": 2}], [{"dish": "a"}], {"dish": "a", "count": 1}) == [
        "",
        "",
        "the answer lacks the key count",
        "the answer is not a JSON list",
    ]


def test_several_forms_on_one_route_are_all_right():
    """JSON or a question back; JSON that was cut is neither."""
    good = [{"date": day} for day in DATES] + ["Which day do you mean?"] * 10
    assert slips(good, {"date": "a"}, "For how many?", '{"date": "Mon') == ["", "", "the answer is cut or broken JSON"]
    assert slips(good, {"day": "a"}) == ["the answer lacks the key date"]


def test_prose_beside_json_is_a_form():
    good = [f'Here you are:\n```json\n{{"date": "{day}", "ok": true}}\n```\nAnything else?' for day in DATES]
    assert slips(
        good, 'Sure: {"date": "a", "ok": false}', 'Sure: {"date": "a"}', {"date": "a", "ok": True}, "Sure!"
    ) == [
        "",
        "the answer lacks the key ok",
        "",
        "the answer is not text with JSON in it",
    ]


def test_a_route_of_prose_has_no_form_to_break():
    assert slips(["We are closed."] * 40, "Yes", {"a": 1}, "{not json") == ["", "", ""]


def test_keys_that_are_names_are_never_unknown():
    """A bill split by guest: its keys are values. One key that all have changes nothing."""
    bills = [{f"guest {at}": 1, f"guest {at + 1}": 2} for at in range(60)]
    assert slips(bills, {"guest 99": 3}) == [""]
    assert slips([{"total": 3, **bill} for bill in bills], {"total": 1, "guest 99": 1}, {"guest 99": 1}) == [
        "",
        "the answer lacks the key total",
    ]


def test_few_good_answers_require_and_forbid_no_key():
    """Nineteen answers may lack a form that one in twenty has. Objects in one list are one answer."""
    assert slips([{"a": 1}] * 19, {"b": 1}) == [""]
    assert slips([[{"a": 1}] * 5] * 19, [{"b": 1}]) == [""]
    assert slips([{"a": 1}] * 20, {"b": 1}) == ["the answer lacks the key a"]


def test_lists_are_counted_not_their_items():
    """Two lists in a hundred have items without a size: it is optional, though 98 % of the items have it."""
    good = [[{"dish": "x", "size": "l"}] * 5] * 98 + [[{"dish": "x", "size": "l"}] * 4 + [{"dish": "y"}]] * 2
    assert slips(good, [{"dish": "a"}], [{"size": "l"}]) == ["", "the answer lacks the key dish"]


@pytest.mark.parametrize(
    ("text", "kind", "count"),
    [
        ('{"a": 1}', "object", 1),
        ('[{"a": 1}, 2]', "list", 1),
        ("[1, 2]", "list", 0),
        ('so {"a": {"b": 1}} it is', "mixed", 1),
        ("a {b} and [c]", "text", 0),
        ("", "text", 0),
        ("[" * 5000, "text", 0),
    ],
)
def test_kinds_of_answers(text, kind, count):
    assert (parse(text).kind, len(parse(text).objects)) == (kind, count)
