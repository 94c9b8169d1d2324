"""Search files for ids that should be nowhere any more."""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import re2

PIECE = 1 << 20
"""Bytes that are searched at once."""
TOGETHER = 1_000
"""Ids of one automaton, so that its memory is bounded however many there are."""
TABLE = "traces"
"""Folder of compressed tables, which are rewritten and not searched."""


def files(folders: Iterable[Path], ids: Collection[str]) -> Iterator[Path]:
    """Plain files below `folders` whose bytes hold one of `ids`, as text or in JSON, as a whole word; in order of their paths.

    A file that cannot be read is named too: nobody knows what it holds.
    """
    forms = sorted({form for id in ids for form in (id.encode(), msgspec.json.encode(id)[1:-1])} - {b""})
    wanted = [_automaton(forms[at : at + TOGETHER]) for at in range(0, len(forms), TOGETHER)]
    longest = max(map(len, forms), default=0) + 2
    for path in sorted({path for folder in folders for path in _below(folder)}) if forms else ():
        try:
            if _holds(path, wanted, longest):
                yield path
        except OSError:
            yield path


def _automaton(forms: Iterable[bytes]) -> Any:
    options = re2.Options()
    options.max_mem = 64 << 20
    either = b"|".join(map(re2.escape, forms))
    return re2.compile(b"(?:^|[^A-Za-z0-9_@.-])(?:" + either + b")(?:$|[^A-Za-z0-9_@-])", options)


def _below(folder: Path) -> Iterator[Path]:
    for place, inner, names in os.walk(folder):
        if TABLE in inner:
            inner.remove(TABLE)
        yield from (Path(place, name) for name in names if not Path(place, name).is_symlink())


def _holds(path: Path, wanted: list[Any], longest: int) -> bool:
    before = b""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            if any(pattern.search(before + piece) for pattern in wanted):
                return True
            before = (before + piece)[-longest:]
    return False
