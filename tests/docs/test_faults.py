"""The page of faults names tests that exist, and says of each fault without one why."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "design" / "0022-faults.md").read_text(encoding="utf-8")
ROWS = {int(row[1]): row[0] for row in re.finditer(r"^\| (\d+) \|.*\|$", PAGE, re.MULTILINE)}
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_fault_has_one_row():
    """They are numbered without a gap, and each row has four cells."""
    assert list(ROWS) == list(range(1, 53))
    assert all(row.count("|") == 5 for row in ROWS.values())


@pytest.mark.parametrize("number", ROWS)
def test_each_named_test_exists(number):
    """A row names tests, or says what is open or why it does not apply."""
    named, last = NAMED.findall(ROWS[number]), ROWS[number].split("|")[-2]
    assert named or re.search(r"(open|does not apply): \w+", last)
    assert last.count("::") == len(named)
    for file, name in named:
        assert name in functions_of(file), f"{file} has no {name}"
