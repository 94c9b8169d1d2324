"""Read what Python's `repr` printed of messages: literals, objects with keyword fields, members of enumerations.

Nothing is evaluated: the text is parsed to a syntax tree, of which literals and keyword fields are taken.
"""

import ast
import re

from harness.ingest.formats._json import DEPTH, Json

LONGEST = 2**20
"""Characters of a text that is parsed."""

_ANGLED = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|<([\w.]+)(?::\s*('[^']*'|-?\d+))?[^<>]*>""", re.S)
"""Strings, which stay as they are, and what Python prints in angle brackets: `<Role.USER: 'user'>`, `<object at 0x7f>`."""


def read(text: str) -> Json:
    """The value that a text prints; an object is a map of its fields, with its class as `type`.

    Raises ValueError when the text is no such print.

    >>> read("[Message(role=<Role.USER: 'user'>, content='Hi')]")
    [{'type': 'Message', 'role': 'user', 'content': 'Hi'}]
    >>> read("role='user' content='Hi' name=None")
    {'type': 'Message', 'role': 'user', 'content': 'Hi', 'name': None}
    """
    text = _called(text.strip()) if _FIELDS.match(text) else text
    if len(text) > LONGEST or max(text.count(opening) for opening in "([{") > 100 * DEPTH:
        raise ValueError("too large")
    try:
        return _value(ast.parse(_ANGLED.sub(_plain, text.strip()), mode="eval").body, 0)
    except (SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"no value that Python prints: {error!r:.80}") from None


_FIELDS = re.compile(r"\s*(?:role|content)=['\"<\w]")
_SPACED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[(\[{]|[)\]}]|\s+(?=\w+=)""", re.S)


def _called(text: str) -> str:
    """Fields with spaces between them, as `str()` of a Pydantic model gives them, as those of a `Message`."""
    depth, made, at = 0, [], 0
    for match in _SPACED.finditer(text):
        depth += (match[0] in "([{") - (match[0] in ")]}")
        if match[0].isspace() and depth == 0:
            made.append(text[at : match.start()])
            at = match.end()
    return f"Message({', '.join([*made, text[at:]])})"


def _plain(match: re.Match[str]) -> str:
    return match[1] or match[3] or ("None" if "." not in match[2] else repr(match[2].rpartition(".")[2]))


def _value(node: ast.expr, depth: int) -> Json:
    if depth > DEPTH:
        raise ValueError("nested too deeply")
    match node:
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item, depth + 1) for item in items]
        case ast.Dict(keys=keys, values=values) if None not in keys:
            named = ((_value(key, depth + 1), value) for key, value in zip(keys, values, strict=True) if key)
            return {str(key): _value(value, depth + 1) for key, value in named}
        case ast.Call(func=ast.Name() | ast.Attribute() as name, keywords=fields):
            held = {field.arg.lstrip("_"): _value(field.value, depth + 1) for field in fields if field.arg}
            return {"type": name.id if isinstance(name, ast.Name) else name.attr, **held}
        case ast.Attribute(attr=member):
            return member
        case ast.Name():
            return None
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
    raise ValueError("no value that Python prints")
