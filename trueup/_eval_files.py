"""Tell eval files from other files named `eval_*.py`, without importing them or anything of ours.

An eval file lies below `[eval] paths` of the nearest trueup.toml, or anywhere where there is none, or was named on the
command line. Elsewhere the functions that carry `@suite` or `@cases` count, and nothing else of the file.
"""

import ast
import tomllib
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path

import pytest

PATTERN = "eval_*.py"
DECORATORS = {"suite", "cases"}
CONFIG = "trueup.toml"
HOME = Path(__file__).resolve().parents[1]
"""The folder that holds `trueup` and `harness`, in a checkout as in an installed wheel."""


def looks_like_one(file: Path) -> bool:
    """By its name alone."""
    return fnmatch(file.name, PATTERN)


def is_below_eval_paths(file: Path) -> bool:
    """True also where no trueup.toml says otherwise, and where it cannot be read: loading it then says why."""
    config = next((folder / CONFIG for folder in file.parents if (folder / CONFIG).is_file()), None)
    if config is None:
        return True
    try:
        paths = tomllib.loads(config.read_text(encoding="utf-8")).get("eval", {}).get("paths", ["evals"])
        return any(file.is_relative_to((config.parent / path).resolve()) for path in paths)
    except (OSError, ValueError, TypeError, AttributeError):
        return True


def declares(file: Path) -> bool:
    """Whether a function or method of the file carries `@suite(...)` or `@cases(...)`."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    decorators = (node for found in ast.walk(tree) for node in getattr(found, "decorator_list", ()))
    return any(_names(node) & DECORATORS for node in decorators)


def _names(decorator: ast.expr) -> set[str]:
    """`suite` of `@suite(...)`; `trueup`, `cases` and `held_out` of `@trueup.cases.held_out(...)`."""
    named = {node.id for node in ast.walk(decorator) if isinstance(node, ast.Name)}
    return named | {node.attr for node in ast.walk(decorator) if isinstance(node, ast.Attribute)}


def module_names(file: Path) -> list[str]:
    """Every name under which pytest may import the file, whatever its import mode and folder are: `b`, `a.b`, ..."""
    parts = [part.replace(".", "_") for part in file.with_suffix("").parts[1:]]
    return [".".join(parts[at:]) for at in reversed(range(len(parts)))]


def harness_is_hidden() -> bool:
    """Whether `import harness` would give a package of the user's own."""
    try:
        spec = find_spec("harness")
    except ValueError:  # a module that was made by hand
        return True
    folders = spec.submodule_search_locations if spec else None
    return str(HOME / "harness") not in {str(Path(folder).resolve()) for folder in folders or ()}


def has_own_harness(config: pytest.Config) -> bool:
    """Whether the user's repository holds a package `harness`, which its tests may want to import later."""
    folders = {config.rootpath, config.rootpath / "src", config.invocation_params.dir}
    return any((folder / "harness" / "__init__.py").is_file() for folder in folders if folder.resolve() != HOME)
