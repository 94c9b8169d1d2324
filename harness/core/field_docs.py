"""Read the docstring below each field of a struct from its source, for the reference, the schema and messages."""

import ast
import inspect
from functools import cache
from typing import get_args

from msgspec import Struct


def field_docs(struct: type) -> dict[str, str]:
    """Field name to its docstring on one line; a field that has none is left out. Bases come first."""
    found: dict[str, str] = {}
    for kind in reversed(struct.__mro__):
        if issubclass(kind, Struct) and kind is not Struct:
            found |= _classes(inspect.getsourcefile(kind) or "").get(kind.__name__, {})
    return found


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
