"""Describe a Python function as a tool that a model may call: its name, its JSON Schema, and how it is called.

The schema is made of the signature, the type hints and the docstring, and the same types check the arguments that a model
gives: what does not fit is told to the model, as an API would.
"""

import inspect
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType

from harness.errors import UsageError
from harness.evaluate.sessions.docstrings import described
from harness.types import Json

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
"""Names that chat templates and endpoints take."""
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class ToolRefused(Exception):
    """Raised by a tool that does not do what it was asked for: the text is told to the model, which goes on.

    ValueError and LookupError mean the same, as in `orders[number]`. Any other exception is an error of the case.
    """


REFUSALS = (ToolRefused, ValueError, LookupError)
FAULTS = (UnicodeError, json.JSONDecodeError, msgspec.MsgspecError)
"""Kinds of ValueError that a broken tool raises, such as one whose server answers in HTML: errors of the case."""


@dataclass(frozen=True)
class Tool:
    """One tool of a session."""

    name: str
    definition: Json
    """In the OpenAI form, `{"type": "function", "function": {"name", "description", "parameters"}}`."""
    call: Callable[[dict[str, Any]], Any]
    """Carries out a call with these arguments. Raises `ToolRefused`, ValueError or LookupError with what the model is told."""
    tally: Counter[str] = field(default_factory=Counter)
    """What the result of a case shows of its calls, by kind, such as calls that no recording answers."""


def of_function(function: Callable[..., Any]) -> Tool:
    """A Python function, or a bound method, as a tool.

    Raises UsageError when it has no name, is `async def`, or has a parameter that no JSON Schema describes.
    """
    name = getattr(function, "__name__", "")
    if not NAME.fullmatch(name):
        raise UsageError(f"a tool needs a name, and {function!r} has none", next="write it as a `def`")
    if inspect.iscoroutinefunction(function):
        raise UsageError(f"the tool {name!r} is `async def`", next="write a plain `def`")
    about, texts = described(function)
    signature = inspect.signature(function)
    more = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in signature.parameters.values())
    arguments = _struct(name, function, signature, texts, strict=not more)

    def call(given: dict[str, Any]) -> Any:
        try:
            read = msgspec.convert(given, arguments)
        except msgspec.ValidationError as error:
            raise ToolRefused(f"wrong arguments: {error}") from None
        known = {key: getattr(read, key) for key in arguments.__struct_fields__}
        extra = {key: value for key, value in given.items() if key not in known}
        return function(**{key: value for key, value in known.items() if value is not UNSET}, **extra)

    definition = {"name": name, "description": about, "parameters": _schema(arguments)}
    return Tool(name, {"type": "function", "function": definition}, call)


def _struct(
    name: str, function: Callable[..., Any], signature: inspect.Signature, texts: dict[str, str], strict: bool
) -> type[msgspec.Struct]:
    """The arguments as a type. What has a default may be left out."""
    hints = _hints(name, function)
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        if parameter.kind not in NAMED:
            raise UsageError(
                f"the tool {name!r} takes {parameter} by position, and models name arguments",
                next="give it named parameters",
            )
        kind = _kind(hints.get(parameter.name, Any), texts.get(parameter.name, ""))
        needed = parameter.default is inspect.Parameter.empty
        fields.append((parameter.name, kind) if needed else (parameter.name, kind | UnsetType, UNSET))
        _describable(name, parameter.name, kind)
    return msgspec.defstruct(name, fields, forbid_unknown_fields=strict, kw_only=True)


def _hints(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        raise UsageError(
            f"a type hint of the tool {name!r} cannot be read: {error}", next="import that name"
        ) from error


def _kind(hint: Any, text: str) -> Any:
    """A type hint with its description: the docstring's, or a text in `Annotated[...]`."""
    if get_origin(hint) is Annotated:
        kind, *extra = get_args(hint)
        text = next((one for one in extra if isinstance(one, str)), text)
        kept = tuple(one for one in extra if isinstance(one, msgspec.Meta))
        hint = Annotated[(kind, *kept)] if kept else kind
    return Annotated[hint, msgspec.Meta(description=text)] if text else hint


def _describable(name: str, parameter: str, kind: Any) -> None:
    try:
        msgspec.json.schema(kind)
    except TypeError as error:
        raise UsageError(
            f"the parameter {parameter!r} of the tool {name!r} has no JSON Schema: {error}",
            next="use str, int, float, bool, list, dict, Literal, an enum, a TypedDict or a dataclass",
        ) from error


def _schema(arguments: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of an object, with what it refers to inside."""
    _, parts = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    schema = dict(parts.pop(arguments.__name__))
    schema.pop("title", None)
    return {**schema, "$defs": parts} if parts else schema
