"""Scorers of structured answers: JSON fields, JSON Schema, tool calls."""

import json
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.evaluate import score
from harness.types import Reply, ToolCallPart

values = st.one_of(st.booleans(), st.integers(-5, 5), st.text(max_size=3), st.none())
objects = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


def fields(text, expected, **options):
    return {item.name: item for item in score.json_fields(Reply(text=text), expected, **options)}


def test_fields_are_counted_one_by_one():
    """Two of three fields right, one missing and one too many give the precision, recall and F1 of that."""
    got = fields('{"a": 1, "b": "x ", "d": 4}', {"a": 1, "b": "x", "c": 3})
    assert got["exact"].value == 0
    assert got["precision"].value == got["recall"].value == pytest.approx(2 / 3)
    assert got["f1"].value == pytest.approx(2 / 3)
    assert got["exact"].explanation == "c: missing, expected '3'; d: not expected, got '4'"


@given(objects)
def test_an_object_is_exactly_itself_in_any_spelling(value):
    """Every object scores 1 against its own JSON, whatever the order of keys, and null means absent."""
    spelled = json.dumps(dict(reversed(value.items())), indent=2)
    assert all(item.value == 1 for item in score.json_fields(spelled, value))
    without = {key: item for key, item in value.items() if item is not None}
    assert all(item.value == 1 for item in score.json_fields(json.dumps(without), value))


@given(objects, objects)
def test_exact_means_every_part_is_right(said, wanted):
    """`exact` is 1 just when precision and recall are, and all scores lie between 0 and 1."""
    exact, precision, recall, f1 = (item.value for item in score.json_fields(json.dumps(said), wanted))
    assert (exact == 1) == (precision == recall == 1)
    assert all(0 <= value <= 1 for value in (precision, recall, f1))


@pytest.mark.parametrize("text", ["", "no json", '{"a": 1', '```json\n{"a": 1}\n```', "[1]", "NaN", '{"a": 1} done'])
def test_what_is_not_a_json_object_is_a_wrong_answer_with_a_reason(text):
    """A reply that cannot be read scores 0 everywhere, says why, and raises nothing."""
    got = fields(text, {"a": 1})
    assert [item.value for item in got.values()] == [0, 0, 0, 0]
    assert "not" in got["exact"].explanation


def test_nothing_to_extract_is_right_when_nothing_is_extracted():
    """An empty object for an empty expectation is exact; anything in it costs precision, not recall."""
    assert fields("{}", {})["exact"].value == 1
    got = fields('{"a": 1}', {})
    assert (got["precision"].value, got["recall"].value) == (0, 1)


def test_true_is_not_one_and_text_is_not_a_number():
    """JSON types matter, except that 1 is 1.0."""
    assert fields('{"a": 1.0}', {"a": 1})["exact"].value == 1
    assert fields('{"a": true}', {"a": 1})["exact"].value == 0
    assert fields('{"a": "1"}', {"a": 1})["exact"].value == 0


def test_comparators_decide_field_by_field_at_any_depth():
    """A comparator is used for its field, by dotted name below another object, and its reason is shown."""
    said = '{"who": {"name": "ANN"}, "total": 10.2, "note": "x"}'
    compare = {"who.name": score.text(fold=True), "total": score.number(abs=0.1)}
    got = fields(said, {"who": {"name": "Ann"}, "total": 10, "note": "y"}, compare=compare, ignore=["note"])
    assert got["exact"].explanation == "total: expected 10, got 10.2"
    assert got["recall"].value == 0.5


def test_an_expectation_that_is_no_object_is_an_error():
    """A broken case must not count as the model's wrong answer."""
    with pytest.raises(UsageError, match="expects an object"):
        score.json_fields("{}", "text")


def test_a_schema_names_the_worst_violation():
    """Valid JSON that breaks the schema is 0 with the place; a broken schema is an error."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert score.json_schema('{"n": 1}', schema).value == 1
    assert score.json_schema('{"n": "1"}', schema).explanation.startswith("$.n:")
    assert score.json_schema("[", schema).value == 0
    with pytest.raises(UsageError, match="not a JSON Schema"):
        score.json_schema("{}", {"type": "nothing"})


def called(*calls):
    parts = tuple(ToolCallPart(name=name, arguments=json.dumps(arguments)) for name, arguments in calls)
    return Reply(text="", tool_calls=parts)


@pytest.mark.parametrize(
    ("made", "expected", "options", "right"),
    [
        ([("find", {"id": 1})], [{"name": "find", "arguments": {"id": 1}}], {}, 1),
        ([("find", {"id": 2})], [{"name": "find", "arguments": {"id": 1}}], {}, 0),
        ([("find", {"id": 2})], ["find"], {}, 1),
        ([("a", {}), ("b", {})], ["b", "a"], {}, 0),
        ([("a", {}), ("b", {})], ["b", "a"], {"order": False}, 1),
        ([("a", {}), ("b", {})], ["a"], {}, 0),
        ([("a", {}), ("b", {})], ["a"], {"extra": True}, 1),
        ([("a", {}), ("b", {})], ["a"], {"extra": True, "never": ["b"]}, 0),
        ([], [], {"never": ["b"]}, 1),
        ([], ["a"], {}, 0),
    ],
)
def test_tool_calls_by_name_arguments_and_order(made, expected, options, right):
    """Calls must match by name, by arguments where these are given, and in order unless told otherwise."""
    assert score.calls(called(*made), expected, **options)[0].value == right


def test_arguments_that_are_not_json_are_a_wrong_call():
    """A call with broken arguments is wrong where arguments matter, and raises nothing."""
    made = Reply(text="", tool_calls=(ToolCallPart(name="find", arguments="{id:"),))
    assert score.calls(made, [{"name": "find", "arguments": {"id": 1}}])[0].value == 0


def test_arguments_may_have_comparators():
    """`compare` holds a comparator per argument name."""
    wanted = [{"name": "find", "arguments": {"who": "Ann"}}]
    assert score.calls(called(("find", {"who": "ANN"})), wanted, compare={"who": score.text(fold=True)})[0].value == 1


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/x", "file:///etc/hostname", "other.json"])
def test_a_schema_fetches_nothing(address):
    """A reference to outside is an error of the schema; nobody is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        schema = {"properties": {"a": {"$ref": address.format(port=server.getsockname()[1])}}}
        with pytest.raises(UsageError, match="outside"):
            score.json_schema('{"a": 1}', schema)
        with pytest.raises(TimeoutError):
            server.accept()
    assert score.json_schema("{}", {"$ref": "https://json-schema.org/draft/2020-12/schema"}).value == 1


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"pattern": "^(a+)+$"}}},
        {"patternProperties": {"^(a+)+$": False}},
        {"patternProperties": {"^(a+)+$": True}, "additionalProperties": False},
    ],
)
def test_a_pattern_of_a_schema_cannot_hang(schema):
    """Patterns run in linear time, on values and on names, whatever keyword holds them."""
    long = "a" * 50_000 + "!"
    began = time.process_time()
    score.json_schema(json.dumps({"a": long, long: 1}), schema)
    assert time.process_time() - began < 5
    assert score.json_schema('{"b": 1}', schema | {"additionalProperties": False}).value == 0


@pytest.mark.parametrize("levels", [101, 3_000, 200_000])
def test_a_deeply_nested_reply_is_wrong_and_no_error(levels):
    """Whatever a model nests, its reply is scored."""
    for text in ("[" * levels + "]" * levels, '{"a":' * levels + "1" + "}" * levels):
        assert score.json_schema(text, {}).value == 0
        assert (
            score.json_schema(text, {"$ref": "#/$defs/t", "$defs": {"t": {"items": {"$ref": "#/$defs/t"}}}}).value == 0
        )
    assert score.json_schema("[" * 90 + "]" * 90, {}).value == 1
