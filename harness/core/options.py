"""Read a table of options into the structs that know them; refuse every other key.

A plug-in that takes options has a struct named `Options`; the keys of several plug-ins may share one table. A field of
the type `File` holds a path: it is made absolute, and in a step's key its content stands for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from harness.core.nearest import did_you_mean
from harness.errors import UsageError
from harness.types import Json

File = Annotated[str, Meta(extra={"file": True})]
"""A path, relative to the folder of trueup.toml. Empty: none."""

S = TypeVar("S", bound=Struct)


def struct_of(plugin: ModuleType) -> type[Struct] | None:
    """The plug-in's `Options`; None when it takes none."""
    kind = getattr(plugin, "Options", None)
    return kind if isinstance(kind, type) and issubclass(kind, Struct) else None


class OptionsTable(NamedTuple):
    """One table of options, read by all that have a key in it."""

    values: dict[str, Any]
    """Every key with its value or default; paths absolute."""
    knobs: dict[str, Any]
    """The same without paths: what of them belongs in a step's key as it is."""
    files: dict[str, str]
    """Name to path of each file: what belongs there by content."""


def table(given: Mapping[str, Json], kinds: Iterable[type[Struct]], where: str, root: str) -> OptionsTable:
    """Raises UsageError for a key that none of the structs has, naming the nearest, and for a value of a wrong type."""
    kinds = tuple(kinds)
    known = {field.encode_name for kind in kinds for field in msgspec.structs.fields(kind)}
    for key in given:
        if key not in known:
            raise UsageError(f"unknown option {key!r}", where=where, next=did_you_mean(key, known, "options"))
    read_ones = [absolute(read(given, kind, where), root) for kind in kinds]
    return OptionsTable(
        values={name: value for one in read_ones for name, value in plain(one).items()},
        knobs={name: value for one in read_ones for name, value in without_files(one).items()},
        files={name: path for one in read_ones for name, path in files(one).items()},
    )


def read(given: Mapping[str, Json], kind: type[S], where: str) -> S:
    """The struct's own keys of a table; the others are somebody else's. Raises UsageError for a wrong value."""
    own = {field.encode_name for field in msgspec.structs.fields(kind)}
    try:
        return msgspec.convert({key: value for key, value in given.items() if key in own}, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"wrong value of an option: {error}", where=where, next="fix that value") from error


def absolute(options: S, root: str) -> S:
    """The options with the path of every file absolute, at any depth."""
    changed: dict[str, Any] = {name: absolute(inner, root) for name, inner in _structs(options)}
    for name in _file_fields(type(options)):
        changed[name] = _each(getattr(options, name), lambda path: str(Path(root, path)) if path else path)
    return msgspec.structs.replace(options, **changed)


def files(options: Struct) -> dict[str, str]:
    """Name of each file in the options to its path: `embeddings`, `replay_files/0`, `teacher.suites/0`."""
    named = {
        f"{name}{place}": path
        for name in _file_fields(type(options))
        for place, path in _places(getattr(options, name))
        if path
    }
    for above, inner in _structs(options):
        named.update({f"{above}.{name}": path for name, path in files(inner).items()})
    return named


def without_files(options: Struct) -> dict[str, Any]:
    """The options as plain values, without their paths."""
    skip = set(_file_fields(type(options)))
    inner = {name: without_files(value) for name, value in _structs(options)}
    return {name: value for name, value in (plain(options) | inner).items() if name not in skip}


def plain(options: Struct) -> dict[str, Any]:
    """Every field with its value, defaults included, as plain values."""
    inner = {name: plain(value) for name, value in _structs(options)}
    names = options.__struct_fields__
    return {name: inner[name] if name in inner else msgspec.to_builtins(getattr(options, name)) for name in names}


def _structs(options: Struct) -> Iterator[tuple[str, Struct]]:
    for name in options.__struct_fields__:
        value = getattr(options, name)
        if isinstance(value, Struct):
            yield name, value


def _file_fields(kind: type[Struct]) -> Iterator[str]:
    for name, hint in get_type_hints(kind, include_extras=True).items():
        if _is_file(hint) or any(_is_file(inner) for inner in get_args(hint)):
            yield name


def _is_file(kind: Any) -> bool:
    return any(
        isinstance(extra, Meta) and (extra.extra or {}).get("file") for extra in getattr(kind, "__metadata__", ())
    )


def _each(value: Any, change: Callable[[str], str]) -> Any:
    return tuple(map(change, value)) if isinstance(value, tuple) else change(value)


def _places(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, tuple):
        yield from ((f"/{number}", path) for number, path in enumerate(value))
    else:
        yield "", value
