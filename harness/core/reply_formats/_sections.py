"""Cut a reply into text, reasoning and tool calls: what all reply formats share."""

import ast
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from harness.types import Json, ToolCallPart

THINK = ("<think>", "</think>")


class ReadReply(NamedTuple):
    """A reply by its sections."""

    text: str
    reasoning: str = ""
    tool_calls: tuple[ToolCallPart, ...] = ()
    complete: bool = True
    """False: it ended inside its reasoning, so there is no answer to judge."""


def call_of(name: Any, arguments: Any, ident: str = "") -> ToolCallPart:
    """A tool call; arguments that are no text are written as JSON. Raises ValueError when the name is no text."""
    if not isinstance(name, str) or not name:
        raise ValueError("a tool call without a name")
    written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ToolCallPart(id=ident, name=name, arguments=written)


def named_call(value: Any) -> ToolCallPart:
    """The call that a JSON object says, under the keys that models use. Raises ValueError when it is none."""
    if not isinstance(value, dict):
        raise ValueError("a tool call is an object")
    value = value.get("function", value) if isinstance(value.get("function"), dict) else value
    name = value.get("name", value.get("tool_name"))
    arguments: Any = next((value[key] for key in ("arguments", "parameters", "args") if key in value), {})
    ident = value.get("id", value.get("tool_call_id", ""))
    return call_of(name, {} if arguments is None else arguments, str(ident))


def json_calls(body: str) -> list[ToolCallPart]:
    """The calls of a JSON object, of a list of them, or of several objects one after another. Raises ValueError."""
    values: list[Any] = []
    rest = body.strip().lstrip(";,").strip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        values += value if isinstance(value, list) else [value]
        rest = rest[end:].strip().lstrip(";,").strip()
    return [named_call(value) for value in values]


def split_thoughts(raw: str, marks: tuple[str, str] = THINK) -> tuple[str, str, bool]:
    """Reasoning, what follows it, and whether the reasoning was closed.

    Only a block at the very start is reasoning: the same marks later on are text that the model quotes.
    """
    opening, closing = marks
    start = raw.lstrip()
    if not start.startswith(opening):
        return "", raw, True
    thoughts, closed, rest = start[len(opening) :].partition(closing)
    return (thoughts.strip(), rest.lstrip(), True) if closed else (thoughts.strip(), "", False)


def tagged(
    raw: str, block: re.Pattern[str], calls_of: Callable[[str], Iterable[ToolCallPart]], marks: tuple[str, str] = THINK
) -> ReadReply:
    """A reply whose calls stand in blocks: group 1 of `block` holds what `calls_of` reads.

    A block that cannot be read stays in the text, where a reader sees what the model wrote.
    """
    reasoning, rest, complete = split_thoughts(raw, marks)
    calls: list[ToolCallPart] = []

    def take(match: re.Match[str]) -> str:
        try:
            calls.extend(calls_of(match.group(1)))
        except (ValueError, RecursionError, SyntaxError):
            return match.group()
        return ""

    text = block.sub(take, rest)
    return ReadReply(text.strip() if calls else text, reasoning, tuple(calls), complete)


def plain(raw: str, marks: tuple[str, str] = THINK) -> ReadReply:
    """A reply without tool calls."""
    reasoning, rest, complete = split_thoughts(raw, marks)
    return ReadReply(rest, reasoning, (), complete)


def tool_names(tools: Sequence[Json]) -> frozenset[str]:
    return frozenset(_functions(tools))


def typed(name: str, values: dict[str, str], tools: Sequence[Json]) -> dict[str, Any]:
    """Arguments that were written as bare text, with the types that the tool's schema gives them.

    Without a schema a value that is JSON is read as such, so `7` is a number: only the schema can tell it from "7".
    """
    parameters = _functions(tools).get(name)
    known = parameters.get("properties", {}) if isinstance(parameters, dict) else {}
    return {key: _typed(value, known.get(key)) for key, value in values.items()}


def python_calls(body: str) -> list[ToolCallPart]:
    """Calls in Python's form: `[book(people=4), ping()]`. Raises ValueError or SyntaxError on anything else."""
    tree = ast.parse(body.strip(), mode="eval").body
    nodes = tree.elts if isinstance(tree, (ast.List, ast.Tuple)) else [tree]
    return [_python_call(node) for node in nodes]


def _python_call(node: ast.expr) -> ToolCallPart:
    if not isinstance(node, ast.Call) or node.args:
        raise ValueError("not a call with named arguments")
    return call_of(ast.unparse(node.func), {word.arg or "": _literal(word.value) for word in node.keywords})


def _literal(node: ast.expr) -> Any:
    """A literal of Python or of JSON."""
    if isinstance(node, ast.Name) and node.id in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[node.id]
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {_literal(key): _literal(value) for key, value in zip(node.keys, node.values, strict=True) if key}
    return ast.literal_eval(node)


def _functions(tools: Sequence[Json]) -> dict[str, Json]:
    """Tool name to the schema of its parameters."""
    schemas: dict[str, Json] = {}
    for tool in tools:
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            schemas[function["name"]] = function.get("parameters") or function.get("input_schema")
    return schemas


def _typed(text: str, schema: Any) -> Any:
    kinds = _kinds(schema)
    if kinds == {"string"}:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {"True": True, "False": False, "None": None}.get(text, text)
    # "7" under a schema that allows a string, but no number, is the text
    return text if "string" in kinds and not kinds & _kinds_of(value) else value


def _kinds(schema: Any) -> set[str]:
    if not isinstance(schema, dict):
        return set()
    declared = schema.get("type", [])
    kinds = {declared} if isinstance(declared, str) else set(declared)
    kinds |= {kind for union in ("anyOf", "oneOf") for each in schema.get(union) or () for kind in _kinds(each)}
    if not kinds and all(isinstance(value, str) for value in schema.get("enum") or [0]):
        kinds = {"string"}
    return kinds | ({"null"} if schema.get("nullable") else set())


def _kinds_of(value: Any) -> set[str]:
    if isinstance(value, bool):
        return {"boolean"}
    kinds = {int: {"integer", "number"}, float: {"number"}, str: {"string"}, list: {"array"}, dict: {"object"}}
    return kinds.get(type(value), {"null"})
