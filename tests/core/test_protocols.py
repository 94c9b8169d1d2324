"""Every own plug-in keeps the protocol of its kind, at run time and for mypy."""

import ast
import importlib.util
from pathlib import Path

import pytest
from mypy import api

from harness.core import plugins, protocols
from harness.errors import UsageError

ROOT = Path(__file__).parents[2]
OWN = [(kind, name) for kind in plugins.PACKAGES for name in plugins.names(kind)]


def test_every_kind_has_a_protocol():
    """The list of kinds and the protocols agree, and each protocol says what it is."""
    assert protocols.KINDS.keys() == plugins.PACKAGES.keys()
    assert all(protocol.__doc__ for kinds in protocols.KINDS.values() for protocol in kinds)


@pytest.mark.parametrize("kind,name", OWN)
def test_an_own_plugin_keeps_its_protocol(kind, name):
    """It loads, which `load` refuses when something lacks; where a package is not installed, that is said."""
    try:
        assert protocols.lack(kind, name, plugins.load(kind, name)) == ""
    except UsageError as error:
        assert "needs the package" in error.what
        pytest.skip(error.what)


def test_mypy_agrees(tmp_path):
    """Each module can be assigned to its protocol; a scorer's function to the protocol of scorers."""
    lines = ["from harness.core import protocols"]
    for number, (kind, name) in enumerate(OWN):
        module = f"{plugins.PACKAGES[kind]}.{name}"
        names = defined(module)
        fitting = [p for p in protocols.KINDS[kind] if members(p) <= names] or protocols.KINDS[kind]
        value = f"m{number}.{name}" if kind == "scorers" else f"m{number}"
        lines += [f"import {module} as m{number}", f"p{number}: protocols.{fitting[0].__name__} = {value}"]
    file = tmp_path / "check.py"
    file.write_text("\n".join(lines) + "\n")
    out, err, _ = api.run(
        [str(file), "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    )
    wrong = [line for line in out.splitlines() if line.startswith(str(file)) or "check.py:" in line]
    assert not wrong and not err, "\n".join(wrong) + err


def members(protocol):
    return {name for name in (*vars(protocol), *protocol.__annotations__) if name[0] != "_"}


def defined(module):
    tree = ast.parse(Path(importlib.util.find_spec(module).origin).read_text())
    named = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    targets = {
        t.id for node in tree.body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)
    }
    return named | targets
