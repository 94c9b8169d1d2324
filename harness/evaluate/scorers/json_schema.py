"""Validate JSON against a schema (JSON Schema, draft 2020-12 unless the schema names another)."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import re2
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import extend, validator_for
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable

from harness.errors import UsageError
from harness.evaluate.scorers._common import parse_json, verdict
from harness.types import Json, Score

DEEPEST = 100
"""Levels of lists and objects in a reply; a deeper one is no answer to a schema that somebody wrote."""


def json_schema(reply: Any, schema: Json, *, name: str = "schema") -> Score:
    """1.0 when the whole reply is JSON that the schema allows; else 0.0 with the worst violation and its place.

    References are resolved inside the schema only, never fetched; patterns are RE2's, so that none can hang. Raises
    UsageError when the schema itself is not one, or refers to something outside.
    """
    kind = _linear(validator_for(schema))
    try:
        kind.check_schema(schema)
    except (SchemaError, RecursionError) as error:
        where = error.json_path if isinstance(error, SchemaError) else ""
        raise UsageError(f"not a JSON Schema: {getattr(error, 'message', 'nested too deeply')}", where=where) from error
    _check_keywords(schema)
    value, problem = parse_json(reply)
    if problem:
        return verdict(name, False, problem)
    if _is_deeper(value, DEEPEST):
        return verdict(name, False, f"nested deeper than {DEEPEST} levels")
    try:
        worst = best_match(kind(schema, registry=REGISTRY).iter_errors(value))
    except Unresolvable as error:
        raise UsageError(
            f"the schema refers to something outside: {error.ref}",
            where="$ref",
            next="put what it refers to under $defs",
        ) from error
    except RecursionError as error:
        raise UsageError("the schema refers to itself without an end", where="$ref", next="fix the schema") from error
    return verdict(name, worst is None, f"{worst.json_path}: {worst.message}" if worst else "")


def _check_keywords(schema: Json) -> None:
    """Raises UsageError for the one pair of keywords whose patterns cannot be replaced by linear ones."""
    held: list[Any] = [schema]
    while held:
        item = held.pop()
        if isinstance(item, dict):
            if "patternProperties" in item and "unevaluatedProperties" in item:
                raise UsageError(
                    "unevaluatedProperties beside patternProperties cannot be checked in linear time",
                    next="use additionalProperties",
                )
            held.extend(item.values())
        elif isinstance(item, list):
            held.extend(item)


def _is_deeper(value: Json, levels: int) -> bool:
    """Without recursion, which a reply could exhaust."""
    here: list[Any] = [value]
    for _ in range(levels):
        here = [
            inner
            for held in here
            if isinstance(held, (dict, list))
            for inner in (held.values() if isinstance(held, dict) else held)
        ]
        if not here:
            return False
    return any(isinstance(held, (dict, list)) for held in here)


@cache
def _linear(kind: Any) -> Any:
    """The validator of a draft with keywords whose patterns run in linear time."""
    return extend(kind, KEYWORDS)


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not _compiled(pattern).search(instance):
        yield ValidationError(f"{instance[:200]!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "object"):
        for pattern, inner in patterns.items():
            for key, value in instance.items():
                if _compiled(pattern).search(key):
                    yield from validator.descend(value, inner, path=key, schema_path=pattern)


def _additional(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    patterns = [_compiled(pattern) for pattern in schema.get("patternProperties", {})]
    properties = schema.get("properties", {})
    for key, value in instance.items():
        if key not in properties and not any(pattern.search(key) for pattern in patterns):
            if validator.is_type(allowed, "object"):
                yield from validator.descend(value, allowed, path=key)
            elif not allowed:
                yield ValidationError(f"Additional properties are not allowed ({key[:200]!r} was unexpected)")


KEYWORDS = {"pattern": _pattern, "patternProperties": _pattern_properties, "additionalProperties": _additional}


@cache
def _compiled(pattern: str) -> Any:
    try:
        return re2.compile(pattern)
    except re2.error as error:
        raise UsageError(f"the pattern cannot run in linear time: {error}", where=pattern, next="RE2 syntax") from error
