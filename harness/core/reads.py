"""Make a step's key from what the step reads: traces, options, files, plug-ins, and its code.

A step that reads what it read before is recalled, anything else is computed anew. Nothing in a key is a path or a number
that somebody has to raise: files stand in it by content, code by the source of all that it imports.
"""

import ast
import importlib.metadata
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from harness.core import plugins
from harness.core.codec import digest, known_digest
from harness.errors import InputError
from harness.types import Json, Noun

OURS = ("harness", "trainers", "reports", "trueup")
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class Reads(Noun, frozen=True):
    """All that a step reads. Equal reads mean an equal result."""

    step: str
    code: str
    """Digest of the source of the step's modules and of all that they import; see `code`."""
    traces: str = ""
    """Version of the trace table."""
    options: Json = None
    """The step's knobs, without a path in them; see `harness.core.options`."""
    files: dict[str, str] = {}
    """Name to SHA-256 of the content. A name says what the file is for, never where it is."""
    plugins: dict[str, str] = {}
    """`kind/name` to the digest of the plug-in's code."""
    nouns: dict[str, str] = {}
    """Content ids of what other steps made, and digests of what the store holds beside."""

    @property
    def key(self) -> str:
        """Content id of all of it."""
        return digest(self)


def code(*modules: str) -> str:
    """Digest of the source of modules and of all modules of the same packages that they import, at any depth.

    Imports inside functions count, and so do the modules that a string names: those of child processes. Raises InputError for a module that does not exist.
    """
    return digest([[name, known_digest(_source(name))] for name in _closure(modules)])


def plugin_code(kind: str, names: Iterable[str] = ()) -> dict[str, str]:
    """`kind/name` to the digest of each plug-in's code: of those named, or of all there are of the kind."""
    return {f"{kind}/{name}": _plugin(kind, name) for name in sorted(names or plugins.names(kind))}


def contents(paths: Mapping[str, str | Path]) -> dict[str, str]:
    """Name to SHA-256 of the file at each path; a folder's is that of its files. A missing file has an empty one."""
    return {name: content(path) for name, path in sorted(paths.items())}


def content(path: str | Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files in a folder; empty where there is neither."""
    place = Path(path)
    if place.is_dir():
        files = sorted(file for file in place.rglob("*") if file.is_file())
        return digest([[file.relative_to(place).as_posix(), known_digest(file)] for file in files])
    return known_digest(place) if place.is_file() else ""


def _plugin(kind: str, name: str) -> str:
    """A foreign plug-in counts with its distribution's version too: it may hold more than Python source."""
    module = plugins.module_name(kind, name)
    if module.split(".")[0] in OURS:
        return code(module)
    versions = {
        f"{distribution} {importlib.metadata.version(distribution)}"
        for distribution in importlib.metadata.packages_distributions().get(module.split(".")[0], ())
    }
    return digest([code(module), sorted(versions)])


@cache
def _closure(modules: tuple[str, ...]) -> tuple[str, ...]:
    packages = {*OURS, *(name.split(".")[0] for name in modules)}
    known: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in known:
            known.add(name)
            waiting += [other for other in _imports(str(_source(name)), name) if other.split(".")[0] in packages]
    return tuple(sorted(known))


@cache
def _imports(path: str, module: str) -> tuple[str, ...]:
    """Modules that a file imports, packages on the way included. `from a import b` counts as a.b where that is one."""
    package = module if path.endswith("__init__.py") else module.rpartition(".")[0]
    names: list[str] = []
    for node in ast.walk(ast.parse(Path(path).read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(part for part in (above, node.module) if part)
            names += [base, *(f"{base}.{alias.name}" for alias in node.names if _exists(f"{base}.{alias.name}"))]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOTTED.fullmatch(node.value):
            names += [node.value] if node.value.split(".")[0] in (*OURS, module.split(".")[0]) else []
    return tuple(name for name in dict.fromkeys(names) if _exists(name))


def _exists(name: str) -> bool:
    return _find(name) is not None


def _source(name: str) -> Path:
    path = _find(name)
    if path is None:
        raise InputError(f"there is no module {name!r} whose source can be read", next="reinstall trueup")
    return path


@cache
def _find(name: str) -> Path | None:
    """The file of a module, by the folders of its package: nothing of it is imported."""
    top, *rest = name.split(".")
    spec = find_spec(top)
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    for folder in spec.submodule_search_locations or ():
        place = Path(folder, *rest)
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return file
    return None
