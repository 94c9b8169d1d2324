"""Find the line of a case's row and of its eval function, for annotations beside the code. Nothing of an eval file is run."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import TrueupError
from harness.evaluate.runner.case_files import read_file
from harness.evaluate.runner.cases import to_case
from harness.types import Suite


def places(suite: Suite, root: Path, shown_from: Path) -> dict[str, str]:
    """Case id to `FILE:LINE`, and the eval function's own place under the empty id; empty where the file is not there.

    `root` is the folder that `suite.file` is relative to; the paths given are relative to `shown_from`. A case that has no
    line of its own, such as one of a list in Python, is not in it.
    """
    file = root / suite.file
    function = _function(file, suite.name.rpartition("::")[2])
    if function is None:
        return {}
    found = {"": f"{_shown(file, shown_from)}:{function.lineno}"}
    for source, ident, split in _sources(function):
        for place, row in _rows(file.parent / source, split):
            path, _, line = place.rpartition(":")
            found[to_case(row, ident).id] = f"{_shown(Path(path), shown_from)}:{line}"
    return found


def _function(file: Path, name: str) -> ast.FunctionDef | None:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    named = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name)
    return next(named, None)


def _sources(function: ast.FunctionDef) -> Iterator[tuple[str, str, str]]:
    """File, id column and split of each `@cases("FILE", id=..., split=...)` that names them by constants."""
    for each in function.decorator_list:
        if isinstance(each, ast.Call) and _name(each.func) == "cases" and each.args:
            words = {word.arg: _text(word.value) for word in each.keywords}
            if source := _text(each.args[0]):
                yield source, words.get("id", ""), words.get("split", "")


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _rows(path: Path, split: str) -> list[tuple[str, Any]]:
    """Rows with a line of their own; none of a file that cannot be read."""
    try:
        return [(place, row) for place, row in read_file(path, split) if place.rpartition(":")[2].isdigit()]
    except (TrueupError, OSError):
        return []


def _shown(path: Path, start: Path) -> str:
    return Path(os.path.relpath(path.resolve(), start.resolve())).as_posix()
