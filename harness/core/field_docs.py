"""Read the docstring below each field of a struct from its source, for the reference, the schema and messages."""

import ast
import inspect
from functools import cache
from typing import get_args

from msgspec import Struct
from msgspec.structs import fields


def field_docs(struct: type) -> dict[str, str]:
    """Name of a field, as it is written in files, to its docstring on one line; a field that has none is left out. Bases come
    first."""
    found: dict[str, str] = {}
    for kind in reversed(struct.__mro__):
        if issubclass(kind, Struct) and kind is not Struct:
            found |= _classes(inspect.getsourcefile(kind) or "").get(kind.__name__, {})
    written = {field.name: field.encode_name for field in fields(struct)}
    return {written.get(name, name): text for name, text in found.items()}


def structs_in(kind: object) -> list[type[Struct]]:
    """The structs that a field's type names, such as the one of `dict[str, Arm]` or of `Options | None`."""
    inner = [each for part in get_args(kind) for each in structs_in(part)]
    return [kind] if isinstance(kind, type) and issubclass(kind, Struct) else inner


@cache
def _classes(file: str) -> dict[str, dict[str, str]]:
    """Class name to field name to docstring, of every class of a file."""
    with open(file, encoding="utf-8") as source:
        tree = ast.parse(source.read())
    return {
        node.name: {
            field.target.id: " ".join(doc.value.value.split())
            for field, doc in zip(node.body, node.body[1:], strict=False)
            if isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(doc, ast.Expr)
            and isinstance(doc.value, ast.Constant)
            and isinstance(doc.value.value, str)
        }
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
