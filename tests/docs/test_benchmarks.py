"""Benchmarks are run by hand, so a name that has moved would be noticed late: each must load."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for path in (ROOT / "benchmarks").rglob("*.py")
    if not {"evals", ".trueup"} & set(path.parts)
)
OTHERS = ("benchmarks.ingest_peer",)
"""Run by another interpreter, which has the peer."""


@pytest.mark.parametrize("module", [name for name in MODULES if name not in OTHERS])
def test_a_benchmark_loads(module):
    """What it imports of ours is there, and it says what it measures."""
    assert importlib.import_module(module).__doc__
