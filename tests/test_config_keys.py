"""Every key of trueup.toml is read by some code: a key that nothing reads is a promise that nothing keeps."""

import ast
from functools import cache
from pathlib import Path

import msgspec
import pytest

from harness import sections
from harness.curate.options import CurateOptions, Teacher
from harness.types import Policy, Recipe

ROOT = Path(__file__).parents[1]
DEFINING = ("harness/sections.py", "harness/curate/options.py", "harness/types/")
"""Where the keys stand; what reads them is elsewhere."""
STRUCTS = (*sections.Section.__subclasses__(), CurateOptions, Teacher, Recipe, Policy)
KEYS = [
    (struct.__name__, field.name)
    for struct in STRUCTS
    for field in msgspec.structs.fields(struct)
    if (struct, field.name) != (sections.Config, "root")
]


@cache
def read() -> frozenset[str]:
    """Names of all attributes that are read outside the files that define keys."""
    files = [path for package in ("harness", "trainers", "reports") for path in (ROOT / package).rglob("*.py")]
    trees = [ast.parse(path.read_text()) for path in files if not where(path).startswith(DEFINING)]
    return frozenset(
        node.attr
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    )


def where(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("struct,key", KEYS)
def test_a_key_is_read(struct, key):
    """An attribute of that name is read somewhere in harness, trainers or reports."""
    assert key in read() or (struct, key) in OF_CONFIG


OF_CONFIG = {("Example", "user"), ("Example", "assistant"), ("PromptSection", "system"), ("PromptSection", "examples")}
"""Read by `harness.config.prompt`, which makes a prompt of them."""


def test_what_config_itself_reads_is_read_there():
    """The exceptions are no hiding place: each is an attribute that config.py reads."""
    tree = ast.parse((ROOT / "harness" / "config.py").read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert {key for _, key in OF_CONFIG} <= names
