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

from harness.core import plugins
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
    given: dict[str, Any]
    """Those of `values` whose key is in the table."""
    knobs: dict[str, Any]
    """All values but paths: what belongs in a step's key as it is."""
    files: dict[str, str]
    """Name to path of each file: what belongs in a step's key by content."""


def table(given: Mapping[str, Json], kinds: Iterable[type[Struct]], where: str, root: str) -> OptionsTable:
    """Raises UsageError for a key that none of the structs has, naming the nearest, and for a value of a wrong type."""
    kinds = tuple(kinds)
    check_keys(given, kinds, where)
    structs = [absolute(read(given, kind, where), root) for kind in kinds]
    values = {name: value for each in structs for name, value in plain(each).items()}
    return OptionsTable(
        values=values,
        given={name: values[name] for name in given},
        knobs={name: value for each in structs for name, value in without_files(each).items()},
        files={name: path for each in structs for name, path in files(each).items()},
    )


def of_plugin(kind: str, name: str, given: Mapping[str, Json], where: str, root: str = "") -> OptionsTable:
    """The options of one plug-in. Raises UsageError as `table` does, and as `plugins.load` does."""
    struct = struct_of(plugins.load(kind, name))
    return table(given, [struct] if struct else [], where, root)


def of_plugins(kind: str) -> tuple[type[Struct], ...]:
    """The option structs of all plug-ins of a kind, each once."""
    structs = (struct_of(plugins.load(kind, name)) for name in plugins.names(kind))
    return tuple(dict.fromkeys(struct for struct in structs if struct is not None))


def check_keys(given: Mapping[str, Json], kinds: Iterable[type[Struct]], where: str, above: str = "") -> None:
    """Raises UsageError for a key that none of the structs has, at any depth, naming the nearest."""
    known = {field.encode_name: field.type for kind in kinds for field in msgspec.structs.fields(kind)}
    for key, value in given.items():
        if key not in known:
            names = tuple(f"{above}{name}" for name in known)
            raise UsageError(
                f"unknown option {above + key!r}", where=where, next=did_you_mean(f"{above}{key}", names, "options")
            )
        inner = [kind for kind in (known[key], *get_args(known[key])) if _is_struct(kind)]
        if inner and isinstance(value, Mapping):
            check_keys(value, inner, where, f"{above}{key}.")


def read(given: Mapping[str, Json], kind: type[S], where: str) -> S:
    """The struct's own keys of a table; the others belong to other structs. Raises UsageError for a wrong value."""
    own = {name: given[name] for name in kind.__struct_encode_fields__ if name in given}
    try:
        return msgspec.convert(own, kind)
    except msgspec.ValidationError as error:
        check_keys(own, [kind], where)
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
    """The options as plain values, without their paths. What is given in place of a file is kept."""
    skip = {name for name in _file_fields(type(options)) if _holds_paths(getattr(options, name))}
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


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _holds_paths(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, tuple) and all(isinstance(item, str) for item in value))


def _is_file(kind: Any) -> bool:
    return any(
        isinstance(extra, Meta) and (extra.extra or {}).get("file") for extra in getattr(kind, "__metadata__", ())
    )


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if not _holds_paths(value):
        return value
    return tuple(map(change, value)) if isinstance(value, tuple) else change(value)


def _places(value: Any) -> Iterator[tuple[str, str]]:
    if not _holds_paths(value):
        return
    if isinstance(value, tuple):
        yield from ((f"/{number}", path) for number, path in enumerate(value))
    else:
        yield "", value
