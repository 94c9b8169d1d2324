"""Replies of the hf backend that keep to a JSON Schema."""

import json
import sys

import pytest
from jsonschema import validate

from harness.errors import UsageError
from harness.evaluate import inference
from harness.types import Reply, Request

SHORT = {
    "type": "object",
    "properties": {"seats": {"type": "integer", "minimum": 1, "maximum": 99}, "kind": {"enum": ["table", "bar", None]}},
    "required": ["seats", "kind"],
    "additionalProperties": False,
}
TURNED = {**SHORT, "properties": dict(reversed(SHORT["properties"].items()))}
YES = {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2}


@pytest.fixture
def ask(backend, arm, user):
    """Asks for replies to numbered messages, one a schema."""

    def answer(*schemas, **fields):
        rows = [
            Request(messages=user(f"row {n} {'word ' * n}"), schema=schema, max_tokens=64, **fields)
            for n, schema in enumerate(schemas)
        ]
        return backend.answer(arm, rows)

    return answer


def test_every_reply_keeps_to_its_own_schema(ask):
    """A random model, which writes nonsense when free, writes what each row's schema allows, greedy and sampled."""
    for temperature in (0.0, 1.5):
        replies = ask(SHORT, YES, TURNED, SHORT, temperature=temperature)
        assert [reply.finish_reason for reply in replies] == ["stop"] * 4
        for reply, schema in zip(replies, (SHORT, YES, TURNED, SHORT), strict=True):
            validate(json.loads(reply.text), schema)
    assert list(json.loads(replies[0].text)) == ["seats", "kind"]
    assert list(json.loads(replies[2].text)) == ["kind", "seats"]


def test_a_schema_changes_no_other_row(ask, backend, arm, monkeypatch):
    """Rows without a schema, and rows one at a time, say what they say in a mixed batch."""
    mixed = [reply.text for reply in ask(None, SHORT, YES)]
    free = [reply.text for reply in ask(None, None, None)]
    assert mixed[0] == free[0] and mixed[1] != free[1]
    monkeypatch.setattr(backend, "_batch_size", 1)
    assert [reply.text for reply in ask(None, SHORT, YES)] == mixed


def test_a_reply_that_is_cut_says_so(ask):
    """Too few tokens for the JSON: the reply is what there is of it, and its finish reason is `length`."""
    (reply,) = ask({"type": "array", "items": {"type": "boolean"}, "minItems": 60})
    assert reply.finish_reason == "length" and reply.text.startswith("[") and not reply.text.endswith("]")


@pytest.mark.parametrize(
    "schema",
    [{"type": "strange"}, {"not": {}}, {"$ref": "http://nowhere.example/a"}, {"type": "string", "pattern": "(?=a)"}, 5],
)
def test_a_schema_that_cannot_be_kept_is_an_error_of_its_row(ask, schema):
    """The other rows are answered; nothing is fetched."""
    bad, good = ask(schema, YES)
    assert isinstance(bad, UsageError) and "schema" in str(bad)
    assert isinstance(good, Reply)


def test_without_the_extra_the_error_says_what_to_install(ask, backend, monkeypatch):
    """A request with a schema is an error that names the extra; others are answered."""
    for model in backend._residents.values():
        monkeypatch.setattr(model, "_grammars", None)
    monkeypatch.delitem(sys.modules, "harness.evaluate.inference.grammar", raising=False)
    monkeypatch.delattr(inference, "grammar", raising=False)
    monkeypatch.setitem(sys.modules, "llguidance", None)
    bad, good = ask(SHORT, None)
    assert isinstance(bad, UsageError) and 'pip install "trueup[schema]"' in str(bad)
    assert isinstance(good, Reply)
