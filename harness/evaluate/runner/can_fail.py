"""Check that an eval function can fail: it asserts, or returns what it computes.

A function that computes a score and drops it gives every answer full marks, and a guard made of it holds whatever the
model says.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Collection, Mapping
from types import CodeType
from typing import Any

from harness.errors import InputError


def asserts(function: Callable[..., Any], around: Mapping[str, Any]) -> bool:
    """Whether the function, or one of its file that it calls, holds an assert statement. `around` are the file's names."""
    return any(isinstance(node, ast.Assert) for code in _codes(function, around) for node in ast.walk(syntax(code)))


def refuse_dropped(function: Callable[..., Any], judges: Collection[str]) -> None:
    """Raises InputError where the function computes a score (`score.text(...)`, or one of `judges`) and does nothing with
    it."""
    tree = syntax(inspect.unwrap(function).__code__)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr | ast.Assign) and _is_score(node.value, judges) and _unused(node, used):
            raise InputError(
                f"the score of `{ast.unparse(node)}` is computed and dropped, so no answer could fail it",
                next="return it, or assert on its value",
            )


def _codes(function: Callable[..., Any], around: Mapping[str, Any]) -> list[CodeType]:
    """Code of the function, of what it defines, and of the functions of its file that it calls, each once."""
    found: list[CodeType] = []
    waiting = [inspect.unwrap(function).__code__]
    while waiting:
        code = waiting.pop()
        if code not in found:
            found.append(code)
            waiting += [constant for constant in code.co_consts if inspect.iscode(constant)]
            waiting += [around[name].__code__ for name in code.co_names if inspect.isfunction(around.get(name))]
    return found


def syntax(code: CodeType) -> ast.AST:
    """Its syntax; empty where there is no source."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, SyntaxError):
        return ast.Module(body=[], type_ignores=[])


def _unused(node: ast.Expr | ast.Assign, used: Collection[str]) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return all(isinstance(target, ast.Name) and target.id not in used for target in targets)


def _is_score(value: ast.AST, judges: Collection[str]) -> bool:
    called = value.func if isinstance(value, ast.Call) else None
    if isinstance(called, ast.Attribute):
        return isinstance(called.value, ast.Name) and called.value.id == "score"
    return isinstance(called, ast.Name) and called.id in judges
