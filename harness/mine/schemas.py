"""Check a value against a JSON schema that stands in a trace: nothing is fetched, and no pattern can hang.

A schema that is none, that refers to another place or goes round in circles says nothing.
"""

from typing import Any

from jsonschema.exceptions import SchemaError, UnknownType
from jsonschema.validators import Draft202012Validator, extend
from jsonschema_specifications import REGISTRY
from referencing.exceptions import Unresolvable

from harness.errors import UsageError
from harness.evaluate.scorers.json_schema import KEYWORDS
from harness.types import Json

_NO_SCHEMA = (SchemaError, UnknownType, Unresolvable, RecursionError, UsageError)
_NO_KEYWORD = (TypeError, ValueError, AttributeError, KeyError)
"""What a keyword with a value of the wrong type raises."""


def violation(value: Json, schema: dict[str, Any]) -> str:
    """How the value breaks the schema, in words; empty where it does not, or where the schema says nothing."""
    try:
        errors = _Validator(schema, registry=REGISTRY).iter_errors(value)
        return min((error.message for error in errors), default="")
    except (*_NO_SCHEMA, *_NO_KEYWORD):
        return ""


_Validator: Any = extend(Draft202012Validator, KEYWORDS)
