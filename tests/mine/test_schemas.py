"""Schemas of traces are checked without loading or hanging."""

import socket
import time

import pytest

from harness.mine.schemas import violation


def test_the_first_violation_is_said():
    """In the words of the library; nothing where the value fits."""
    schema = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "pattern": "^P-"}}}
    assert violation({"id": "P-1"}, schema) == ""
    assert violation({}, schema) == "'id' is a required property"
    assert violation({"id": "1"}, schema) == "'1' does not match '^P-'"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "#/nowhere"},
        {"$ref": "http://localhost:9/schema.json"},
        {"$ref": "#"},
        {"required": 3},
        {"properties": []},
        {"minimum": "a"},
        {"pattern": "("},
    ],
)
def test_a_schema_that_is_none_says_nothing(schema, monkeypatch):
    """Nor is anything fetched from where it refers to."""
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("a schema was fetched"))
    assert violation({"id": 1}, schema) == ""


def test_no_pattern_can_hang():
    """Python's own patterns take years for this one."""
    begun = time.process_time()
    assert violation("a" * 40 + "!", {"pattern": "^(a+)+$"}) != ""
    assert time.process_time() - begun < 1
