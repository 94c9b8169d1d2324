"""Every key of trueup.toml is read by some code: a key that nothing reads is a promise that nothing keeps."""

import ast
from functools import cache
from pathlib import Path

import msgspec
import pytest

from harness import loop, sections
from harness.curate.options import CurateOptions, Teacher
from harness.errors import UsageError
from harness.project import Project
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


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("gate = { alpha = 5 }", "gate.alpha"),
        ("gate = { max_error_share = 2 }", "gate.max_error_share"),
        ("tune = { rank = 0 }", "tune.rank"),
        ("tune = { epochs = -1 }", "tune.epochs"),
        ("tune = { validation_share = 1.0 }", "tune.validation_share"),
        ("curate = { production_share = 7 }", "curate"),
        ("ingest = { limits = { record_mib = 0 } }", "ingest.limits.record_mib"),
        ("canary = { days = -1 }", "canary.days"),
        ("canary = { shadow_tokens = -1 }", "canary.shadow_tokens"),
        ("engine = { processes = 0 }", "engine.processes"),
        ('report = { formats = ["htlm"] }', "html"),
        ('engine = { kind = "rya" }', "ray"),
        ('notify = { x = { kind = "webhok" } }', "webhook"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_before_the_loop_begins(tmp_path, table, key):
    """By its key, or with the nearest name: not at the end of a night by the step that reads it."""
    (tmp_path / "trueup.toml").write_text(table)
    with pytest.raises(UsageError) as caught:
        loop.check(Project.open(tmp_path).config)
    assert key in f"{caught.value}{caught.value.next}"
