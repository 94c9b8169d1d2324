"""What pytest keeps private is used in one file, under a version bound, and each name is known to be there."""

import ast
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from harness.evaluate.runner import private_pytest
from harness.evaluate.runner.private_pytest import PRIVATE, missing

ROOT = Path(__file__).parents[3]
FILES = (Path(private_pytest.__file__), ROOT / "trueup" / "rootdir.py")


def test_the_installed_pytest_has_every_private_name(request, tmp_path):
    """The canary: an update of pytest that takes a name away fails here, with that name."""
    assert missing(request.node) == [], f"pytest {pytest.__version__} lacks what {[file.name for file in FILES]} use"


def test_a_name_that_is_gone_is_named(request, tmp_path, monkeypatch):
    """The canary can fail: each owner's names are looked up where they are used."""
    for owner, names in PRIVATE.items():
        monkeypatch.setitem(PRIVATE, owner, (*names, "_gone.away"))
    assert missing(request.node) == [f"{owner}._gone.away" for owner in PRIVATE]


def test_only_two_files_use_private_names():
    """No other file imports `_pytest` or touches a private attribute of pytest's objects."""
    attributes = {part for names in PRIVATE.values() for name in names for part in name.split(".")}
    private = {name for name in attributes if name.startswith("_")}
    for path in (
        path for folder in ("harness", "trueup") for path in (ROOT / folder).rglob("*.py") if path not in FILES
    ):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            assert not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("_pytest")), path
            own = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
            if isinstance(node, ast.Attribute) and not own:
                assert node.attr not in private, f"{path}:{node.lineno}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_private_name_of_the_file_is_listed(file):
    """Whatever the file reads behind an underscore, or imports from `_pytest`, the canary looks for."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    listed = {part for names in PRIVATE.values() for name in names for part in name.split(".")}
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr.startswith("_")}
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("_pytest")
        for alias in node.names
    }
    assert used | imported <= listed


def test_the_version_of_pytest_is_bounded():
    """A major version may change what is private, so it is tried before it is allowed."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (pytest_wanted,) = [item for text in wanted if (item := Requirement(text)).name == "pytest"]
    assert pytest.__version__ in pytest_wanted.specifier and "10.0" not in pytest_wanted.specifier
