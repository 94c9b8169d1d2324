"""Infer tool definitions from recorded calls, for traces that do not list the tools."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from harness.core.replies import json_object
from harness.types import Json, Message

TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


def toolbox(answers: Iterable[Message]) -> tuple[Json, ...]:
    """One function in the OpenAI form for each tool that was called, by name; no descriptions, since none were seen.

    An argument is required when every call has it. Calls whose arguments are no JSON object only show that there is the
    tool.
    """
    made: dict[str, list[dict[str, Json]]] = defaultdict(list)
    for part in (part for answer in answers for part in answer.tool_calls):
        made[part.name].append(json_object(part.arguments or "{}") or {})
    return tuple({"type": "function", "function": _function(name, made[name])} for name in sorted(made))


def _function(name: str, calls: Sequence[dict[str, Json]]) -> Json:
    names = dict.fromkeys(argument for call in calls for argument in call)
    properties = {argument: _form([call[argument] for call in calls if argument in call]) for argument in names}
    required = [argument for argument in names if all(argument in call for call in calls)]
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"name": name, "parameters": parameters}


def _form(values: Sequence[Json]) -> dict[str, Json]:
    """Schema of an argument: its type, where all its values but null have one."""
    kinds = {TYPES[type(value)] for value in values if value is not None}
    if kinds == {"integer", "number"}:
        kinds = {"number"}
    return {"type": kinds.pop()} if len(kinds) == 1 else {}
