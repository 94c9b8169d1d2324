"""Find what a dry run can find in an eval function without calling it: misspelt fixtures, arguments, fields and columns.

Each of these would raise when the line is reached, perhaps at the end of a night. Only what is certain is told: names that
the function sets itself are left alone.
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType, ModuleType
from typing import Any

import pytest

from harness.core.nearest import did_you_mean, nearest
from harness.evaluate import suites
from harness.evaluate.runner.can_fail import syntax
from harness.evaluate.runner.model import Model
from harness.evaluate.runner.private_pytest import definitions, fixture_names
from harness.types import Case

UNEXPECTED = re.compile(r"(?:\b(Cases)\.__call__|(?<![\w.])(\w+))\(\) got an unexpected keyword argument '(\w+)'")
ANY = (inspect.Parameter.VAR_KEYWORD,)


def of_item(item: pytest.Function, cases: Sequence[Case]) -> Iterator[str]:
    """What is wrong with the function of a collected test, each with its place. `cases` are those of its suite."""
    function = inspect.unwrap(item.function)
    code = function.__code__
    place = f"{item.path.name}:{code.co_firstlineno}"
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        yield f"{place}: {item.originalname} is `async def`; write a plain `def`: calls of the model are batched as they are"
    known = {*definitions(item), *getattr(getattr(item, "callspec", None), "params", ()), "request"}
    for name in item.fixturenames:
        if name not in known:
            hint = did_you_mean(name, fixture_names(item), "fixtures")
            yield f"{place}: {item.originalname} asks for the fixture {name!r}, which is not there; {hint}"
    for node, told in _in_syntax(syntax(code), function, code, cases):
        yield f"{item.path.name}:{code.co_firstlineno - 1 + getattr(node, 'lineno', 1)}: {told}"


def of_file(names: Mapping[str, object], source: bytes, is_suite: Callable[[str], bool]) -> Iterator[str]:
    """What would drop a suite without a word: two functions of one name, or `@suite` on one that has no suite's name.

    `names`: what the imported file defines.
    """
    first: dict[str, int] = {}
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and is_suite(node.name):
            if node.name in first:
                yield f"{node.name} is defined twice, in lines {first[node.name]} and {node.lineno}, and only the second one counts"
            first.setdefault(node.name, node.lineno)
    counted = [value for name, value in names.items() if is_suite(name)]
    own = {name: value for name, value in names.items() if getattr(value, "__module__", "") == names.get("__name__")}
    for name, value in own.items():
        if inspect.isfunction(value) and hasattr(value, suites.NOTE) and not any(value is each for each in counted):
            yield f"{name} has @suite or @cases, but its name does not begin with `eval_`, so it is not run"


def hint(text: str) -> str:
    """What a TypeError of one of our decorators and roles leaves unsaid: the argument that was meant. Empty for others."""
    found = UNEXPECTED.search(text)
    if found is None:
        return ""
    function = suites.cases if found[1] else getattr(suites, found[2], None)
    if not callable(function):
        return ""
    return did_you_mean(found[3], inspect.signature(function).parameters, "arguments")


Told = tuple[ast.AST, str]


def _in_syntax(tree: ast.AST, function: Callable[..., Any], code: CodeType, cases: Sequence[Case]) -> Iterator[Told]:
    arguments = {*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]}
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    ours: dict[str, Any] = {name: kind for name, kind in (("model", Model),) if name in arguments - stored}
    module = function.__globals__.get("score")
    if (
        isinstance(module, ModuleType)
        and module.__name__ == "harness.evaluate.score"
        and "score" not in arguments | stored
    ):
        ours["score"] = module
    case = "case" if cases and "case" in arguments - stored else ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _named(node.func.value) in ours:
            yield from _call(node, node.func, ours[_named(node.func.value)])
        elif case and isinstance(node, ast.Attribute) and _named(node.value) == case:
            yield from _field(node, node.attr, cases)
        elif case and isinstance(node, ast.Subscript) and _named(node.value) == case:
            yield from _column(node, node.slice, cases)


def _named(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _call(node: ast.Call, called: ast.Attribute, owner: Any) -> Iterator[Told]:
    """An unknown method or scorer, or an argument that it does not take."""
    said = ast.unparse(called)
    public = [name for name in dir(owner) if not name.startswith("_")]
    target = getattr(owner, called.attr, None) if called.attr in public else None
    if target is None:
        yield node, f"there is no {said}(); {did_you_mean(called.attr, public)}"
        return
    parameters = inspect.signature(target).parameters if callable(target) else {}
    if any(parameter.kind in ANY for parameter in parameters.values()):
        return
    names = [name for name in parameters if name != "self"]
    for keyword in node.keywords:
        if keyword.arg is not None and keyword.arg not in names:
            yield (
                keyword.value,
                f"{said}() takes no argument {keyword.arg!r}; {did_you_mean(keyword.arg, names, 'arguments')}",
            )


def _field(node: ast.Attribute, name: str, cases: Sequence[Case]) -> Iterator[Told]:
    columns = {column for case in cases for column in case.fields}
    if not hasattr(Case, name):
        known = [*Case.__struct_fields__, "text"]
        more = f'case["{name}"]' if name in columns else ""
        yield node, f"a case has no field {name!r}; {f'write {more}' if more else did_you_mean(name, known, 'fields')}"
    elif name == "expected" and all(case.expected is None for case in cases):
        close = nearest("expected", columns)
        yield node, f"no case has a column `expected`{f'; did you mean the column {close!r}?' if close else ''}"


def _column(node: ast.Subscript, key: ast.expr, cases: Sequence[Case]) -> Iterator[Told]:
    name = key.value if isinstance(key, ast.Constant) else None
    known = {*Case.__struct_fields__, *(column for case in cases for column in case.fields)}
    if isinstance(name, str) and name not in known:
        yield node, f"no case has the column {name!r}; {did_you_mean(name, known, 'columns')}"
