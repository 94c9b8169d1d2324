"""Validate JSON against a schema (JSON Schema, draft 2020-12 unless the schema names another)."""

from typing import Any

from jsonschema.exceptions import SchemaError, best_match
from jsonschema.validators import validator_for

from harness.errors import UsageError
from harness.evaluate.scorers._common import parse_json, verdict
from harness.types import Json, Score


def json_schema(reply: Any, schema: Json, *, name: str = "schema") -> Score:
    """1.0 when the whole reply is JSON that the schema allows; else 0.0 with the worst violation and its place.

    References are resolved inside the schema only, never fetched. Raises UsageError when the schema itself is not one.
    """
    kind = validator_for(schema)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise UsageError(f"not a JSON Schema: {error.message}", where=error.json_path) from error
    value, problem = parse_json(reply)
    if problem:
        return verdict(name, False, problem)
    worst = best_match(kind(schema).iter_errors(value))
    return verdict(name, worst is None, f"{worst.json_path}: {worst.message}" if worst else "")
