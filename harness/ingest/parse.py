"""Parse files into pieces, each in a spool under the key that it belongs to: the first half of ingest."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from types import ModuleType
from typing import Any

import msgspec

from harness.core import plugins
from harness.core.codec import digest
from harness.ingest import containers
from harness.ingest.containers import Bad, File, Record, sources
from harness.ingest.formats._json import parsed
from harness.ingest.shuffle import Spool
from harness.types import Noun, Quarantined

BROKEN = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""What a format may raise on a hostile or broken record."""

NOTICED = 256
"""Records between two reports of progress."""

_pack = msgspec.msgpack.Encoder().encode


class Cut(Noun, frozen=True):
    """What is known when files are cut, besides their pieces."""

    counts: dict[str, int] = {}
    """`files`, `skipped_files`, `records`, and records of each format, such as `records:otlp`."""
    damaged: tuple[int, ...] = ()
    """Numbers of files of which nothing is to be believed."""
    producers: tuple[str, ...] = ()
    """Who recorded calls: format and instrumentation library."""
    files: dict[str, str] = {}
    """sha256 of each file that was read to its end -> its path."""

    def __add__(self, other: "Cut") -> "Cut":
        return Cut(
            counts=dict(Counter(self.counts) + Counter(other.counts)),
            damaged=(*self.damaged, *other.damaged),
            producers=tuple(sorted({*self.producers, *other.producers})),
            files={**self.files, **other.files},
        )


class Cutter:
    """Cuts the files of one export, or some of them. `format` names the format of every record; empty: by content."""

    def __init__(self, format: str, spool: Spool, skip: Callable[[str], bool]) -> None:
        self._format, self._spool, self._skip = format, spool, skip
        self._counts: Counter[str] = Counter()
        self._damaged: set[int] = set()
        self._producers: set[str] = set()
        self._done: dict[str, str] = {}

    @property
    def cut(self) -> Cut:
        return Cut(dict(self._counts), tuple(self._damaged), tuple(sorted(self._producers)), self._done)

    def file(self, number: int, file: File, moved: Callable[[int], None]) -> Iterator[Quarantined]:
        """Cut one file; what cannot be read comes out at once. `moved` gets the bytes done of it."""
        self._counts["files"] += 1
        try:
            with sources.raw(file) as stream:
                known = sources.digest(stream)
                if self._skip(known):
                    self._counts["skipped_files"] += 1
                    return
                for count, found in enumerate(containers.records(stream)):
                    if count % NOTICED == 0:
                        moved(stream.tell())
                    yield from self._record(number, file, found)
                self._done[known] = file.path
        except OSError as error:
            self._damaged.add(number)
            yield quarantined(file.path, Bad(f"cannot be read: {error}", 0, b""))

    def _record(self, number: int, file: File, found: Record | Bad) -> Iterator[Quarantined]:
        if isinstance(found, Bad):
            if found.whole_file:
                self._damaged.add(number)
            yield quarantined(file.path, found)
            return
        self._counts["records"] += 1
        try:
            yield from self._pieces(number, file, found)
        except BROKEN as error:
            yield quarantined(file.path, Bad(f"cannot be read: {error!r:.160}", found.line, _raw(found.value)))

    def _pieces(self, number: int, file: File, found: Record) -> Iterator[Quarantined]:
        name, value = (self._format, found.value) if self._format else _recognised(found.value)
        if not name and (items := _page(value)):
            self._counts["records"] -= 1  # the page is none, its items are
            for item in items:
                yield from self._record(number, file, Record(item, found.line))
            return
        if not name:
            yield quarantined(file.path, Bad("no format claims this record", found.line, _raw(found.value)))
            return
        self._counts[f"records:{name}"] += 1
        format = plugins.load("formats", name)
        for key, piece in format.pieces(value):
            if key is None:
                yield quarantined(file.path, Bad(piece, found.line, b""))
                continue
            self._spool.add(f"{name}\0{key}", _pack((number, found.line, piece)))
            producer = getattr(piece, "producer", name)
            if producer and getattr(format, "CALLS", True):
                self._producers.add(f"{name} {producer}")


def cut(
    files: list[tuple[int, File]], cutter: Cutter, progress: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[Quarantined]:
    """Cut files one after the other; `progress` gets bytes done and in all."""
    total, before = sum(file.size for _, file in files), 0
    for number, file in files:
        progress(before, total)
        yield from cutter.file(number, file, partial(_forward, progress, before, total))
        before += file.size
    progress(total, total)


def _forward(progress: Callable[[int, int], None], before: int, total: int, here: int) -> None:
    progress(min(before + here, total), total)


@cache
def _claimants() -> tuple[tuple[str, ModuleType], ...]:
    modules = ((name, plugins.load("formats", name)) for name in plugins.names("formats"))
    asked = [(name, module) for name, module in modules if hasattr(module, "claims")]
    return tuple(sorted(asked, key=lambda pair: (getattr(pair[1], "RANK", 50), pair[0])))


def _page(record: Any) -> list[Any]:
    """The items of a page that no format claims as a whole, such as `{"results": [...], "next": ...}`."""
    lists = [held for held in record.values() if isinstance(held, list)] if isinstance(record, dict) else []
    return next((held for held in lists if held and _recognised(held[0])[0]), [])


def _recognised(record: Any) -> tuple[str, Any]:
    """The format of a record, and the record as that format claims it: cells of a table may hold JSON text."""
    record = parsed(record)  # a log may hold each record as a JSON string
    name = _format_of(record)
    if name or not isinstance(record, dict):
        return name, record
    decoded = {key: parsed(value) for key, value in record.items()}
    return _format_of(decoded), decoded


def _format_of(record: Any) -> str:
    if not isinstance(record, dict):
        return ""
    return next((name for name, module in _claimants() if module.claims(record)), "")


def _raw(value: Any) -> bytes:
    return repr(value)[: 2 * containers.EXCERPT].encode("utf-8", "replace")


def quarantined(path: str, bad: Bad) -> Quarantined:
    """What could not be read, with its reason and the start of it."""
    excerpt = bad.raw[: containers.EXCERPT].decode("utf-8", "replace")
    return Quarantined(
        id=digest([bad.raw.decode("utf-8", "replace"), bad.reason]),
        file=path,
        line=bad.line,
        reason=bad.reason,
        excerpt=excerpt,
    )
