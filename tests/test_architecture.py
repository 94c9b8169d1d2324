"""The walls of the house, checked by reading the import statements."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("harness", "trainers", "reports")
HEAVY = {"torch", "transformers", "peft", "trl", "bitsandbytes", "datasets", "pandas", "jinja2", "deltalake", "ray"}
PLUGIN_FOLDERS = ("formats", "detectors", "scorers", "backends", "rules", "engines", "redactors", "statistics")
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
NOUNS = (
    "types.py"  # one noun after the other, each with its docstrings: a list to look things up in, not to read through
)

FLOOR = {"types", "errors"}
BASE = FLOOR | {"codec", "plugins", "digests", "adapters", "answers", "rendering"}
BASE |= {"calls", "hush", "redaction", "scoring", "turns"}


@cache
def files() -> tuple[Path, ...]:
    return tuple(sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports; `from a import b` counts as a.b when that is a module."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in inner if is_module(name)}
            found |= modules or {node.module}
    return found


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if name.split(".")[0] in PACKAGES}


def room(name: str) -> str:
    """`harness.ingest.formats.otlp` is in the room `formats`, `harness.core.codec` is `codec`, `trainers.sft` is `trainers`."""
    parts = name.split(".")
    return parts[1] if parts[0] == "harness" and len(parts) > 1 else parts[0]


def where(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_types_and_errors_import_nothing_of_ours():
    """The nouns and the errors stand on nothing of ours, so that everything may stand on them."""
    for name in FLOOR:
        assert not ours(ROOT / "harness" / f"{name}.py")


@pytest.mark.parametrize("folder", [*PLUGIN_FOLDERS, "trainers", "reports", "store", "curation", "judging"])
def test_plugin_folders_import_only_the_base_and_their_siblings(folder):
    """A plug-in knows the nouns, the errors, the codec and its siblings, and nothing that stands above it."""
    allowed = BASE | {folder}
    if folder == "rules":
        allowed |= {"statistics"}
    if folder == "trainers":
        allowed |= {"curation"}  # preference pairs and their lints are made there, and nothing else is taken
    root = ROOT / folder if folder in PACKAGES else ROOT / "harness" / folder
    for path in sorted(root.rglob("*.py")):
        assert {room(name) for name in ours(path)} <= allowed, path


def test_stages_know_neither_each_other_nor_the_store():
    """Each stage takes values and gives values: it opens no store, reads no config and calls no other stage."""
    forbidden = {"store", "config", "loop", "shelf", "cli", "console", "stages"}
    for path in sorted((ROOT / "harness" / "stages").glob("*.py")):
        assert not {room(name) for name in ours(path)} & forbidden, path


def test_stages_never_print():
    """What a stage has to say it returns; only the console prints."""
    for path in sorted((ROOT / "harness" / "stages").glob("*.py")):
        calls = {
            node.func.id
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert "print" not in calls, path


def test_harness_never_imports_trainers_or_reports():
    """The harness asks `plugins.load`; trainers and reports can be replaced without touching it."""
    for path in (path for path in files() if path.is_relative_to(ROOT / "harness")):
        assert not {name for name in imports(path) if name.split(".")[0] in ("trainers", "reports")}, path


def test_imports_form_no_circle():
    """Imports point one way only."""
    graph = {where(path): ours(path) - {where(path)} for path in files()}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        if name not in done:
            for other in sorted(graph.get(name, ())):
                visit(other, (*above, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_package_faces_only_reexport():
    """An `__init__.py` holds a docstring, re-exports and names; nothing runs there."""
    for path in (path for path in files() if path.name == "__init__.py"):
        for node in tree(path).body:
            assert isinstance(node, (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.FunctionDef)), path


def test_heavy_packages_are_imported_by_plugin_files_only():
    """What takes long to import stands where it is loaded on demand."""
    light = [path for path in files() if path.parent == ROOT / "harness" and path.name not in ("exporter.py",)]
    for path in light:
        assert not {name.split(".")[0] for name in imports(path)} & HEAVY, path


def test_files_can_be_read_in_one_sitting():
    """No file is longer than what one reads at once."""
    for path in files():
        if path.name != NOUNS:
            assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE, path


def test_functions_are_short():
    """No function is longer than a screen."""
    for path in files():
        for node in ast.walk(tree(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                size = (node.end_lineno or 0) - node.lineno + 1
                assert size <= LONGEST_FUNCTION, f"{path}:{node.lineno} {node.name} has {size} lines"


def test_every_module_says_what_it_is():
    """Each file opens with a docstring."""
    for path in files():
        assert ast.get_docstring(tree(path)), path


def test_eval_folders_are_not_packages():
    """A user's evals/ never clashes with ours: no `__init__.py` in any eval folder."""
    assert not list(ROOT.glob("evals/**/__init__.py"))
    assert not list(ROOT.glob("*/*/evals/**/__init__.py"))
