"""Parse files into pieces, each in a spool under the key that it belongs to: the first half of ingest."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from types import ModuleType
from typing import Any

import msgspec

from harness.core import plugins
from harness.ingest import columns, containers
from harness.ingest.barrier import Bad, guarded, start_of, tried
from harness.ingest.containers import File, Record, sources
from harness.ingest.door import StoreDoor
from harness.ingest.formats._fates import Passed, aside
from harness.ingest.formats._json import parsed
from harness.ingest.shuffle import Spool
from harness.sections import IngestLimits
from harness.types import Noun, Quarantined

NOTICED = 256
"""Records between two reports of progress."""

_pack = msgspec.msgpack.Encoder().encode


class Cut(Noun, frozen=True):
    """What is known when files are cut, besides their pieces."""

    counts: dict[str, int] = {}
    """`files`, `skipped_files`, `records`, records of each format, such as `records:otlp`, and `read` and `other:` as in
    `assemble.Batch.counts`."""
    damaged: tuple[int, ...] = ()
    """Numbers of files of which nothing is to be believed."""
    producers: tuple[str, ...] = ()
    """Who recorded calls: format and instrumentation library."""
    files: dict[str, str] = {}
    """sha256 of each file that was read to its end -> its path."""
    tip: str = ""
    """What to type so that records are read which no format claims."""

    def __add__(self, other: "Cut") -> "Cut":
        return Cut(
            counts=dict(Counter(self.counts) + Counter(other.counts)),
            damaged=(*self.damaged, *other.damaged),
            producers=tuple(sorted({*self.producers, *other.producers})),
            files={**self.files, **other.files},
            tip=self.tip or other.tip,
        )


class Cutter:
    """Cuts the files of one export, or some of them. `format` names the format of every record; empty: by content."""

    def __init__(
        self,
        format: str,
        spool: Spool,
        skip: Callable[[str], bool],
        door: StoreDoor,
        limits: IngestLimits = IngestLimits(),
    ) -> None:
        self._format, self._spool, self._skip, self._door, self._limits = format, spool, skip, door, limits
        self._counts: Counter[str] = Counter()
        self._damaged: set[int] = set()
        self._producers: set[str] = set()
        self._done: dict[str, str] = {}
        self._tip = ""
        self._unclaimed = 0

    @property
    def cut(self) -> Cut:
        return Cut(dict(self._counts), tuple(self._damaged), tuple(sorted(self._producers)), self._done, self._tip)

    def file(self, number: int, file: File, moved: Callable[[int], None]) -> Iterator[Quarantined]:
        """Cut one file; what cannot be read comes out at once. `moved` gets the bytes done of it."""
        self._counts["files"] += 1
        self._unclaimed = 0
        whole = partial(Bad, line=0, raw=b"", whole_file=True)
        yield from guarded(self._file(number, file, moved), lambda reason: self._bad(number, file, whole(reason)))

    def _file(self, number: int, file: File, moved: Callable[[int], None]) -> Iterator[Quarantined]:
        with sources.raw(file) as stream:
            sources.check_size(stream, self._limits)
            known = sources.digest(stream)
            if self._skip(known):
                self._counts["skipped_files"] += 1
                return
            for count, found in enumerate(containers.records(stream, self._limits)):
                if count % NOTICED == 0:
                    moved(stream.tell())
                yield from self._record(number, file, found)
                if self._is_barren:
                    yield self._bad(number, file, self._barren(found.line))
                    return
            self._done[known] = file.path

    @property
    def _is_barren(self) -> bool:
        return self._unclaimed > self._limits.barren_records

    def _barren(self, line: int) -> Bad:
        most = self._limits.barren_records
        return Bad(f"more than {most:,} records in a row that no format claims; the rest was not read", line, b"")

    def _bad(self, number: int, file: File, bad: Bad) -> Quarantined:
        if bad.whole_file:
            self._damaged.add(number)
        return self._door.bad(file.path, bad)

    def _record(self, number: int, file: File, found: Record | Bad) -> Iterator[Quarantined]:
        if isinstance(found, Bad):
            yield self._bad(number, file, found)
            return
        self._counts["records"] += 1
        yield from guarded(
            self._pieces(number, file, found),
            lambda reason: self._bad(number, file, Bad(reason, found.line, start_of(found.value))),
        )

    def _pieces(self, number: int, file: File, found: Record) -> Iterator[Quarantined]:
        name, value = (self._format, found.value) if self._format else _recognised(found.value)
        if lists := _page(value, name):
            self._counts["records"] -= 1  # the page is none, its items are
            yield from self._items(number, file, lists, found.line)
            return
        if not name:
            self._unclaimed += 1
            tip = columns.suggestion(value)
            self._tip = self._tip or tip
            reason = f"no format claims this record: try {tip}" if tip else "no format claims this record"
            yield self._bad(number, file, Bad(reason, found.line, start_of(found.value)))
            return
        self._unclaimed = 0
        self._counts[f"records:{name}"] += 1
        format, empty = plugins.load("formats", name), True
        for key, piece in format.pieces(value):
            empty = False
            if isinstance(piece, Passed):
                self._pass(piece.kind)
                continue
            if isinstance(piece, Bad):
                yield self._bad(number, file, piece._replace(line=found.line))
                continue
            self._spool.add(f"{name}\0{key}", _pack((number, found.line, piece)))
            producer = getattr(piece, "producer", name)
            if producer and getattr(format, "CALLS", True):
                self._producers.add(f"{name} {producer}")
        if empty:
            self._pass("empty record")

    def _items(self, number: int, file: File, lists: dict[str, list[Any] | None], line: int) -> Iterator[Quarantined]:
        """The records of a page, as long as some of them are claimed."""
        for key, items in lists.items():
            if items is None:
                self._pass(f"list of no known records ({key:.40})")
            for item in items or ():
                yield from self._record(number, file, Record(item, line))
                if self._is_barren:
                    return

    def _pass(self, kind: str) -> None:
        """Count what is not a model's."""
        self._counts[aside(kind)] += 1
        self._counts["read"] += 1


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


def known_digest(file: File, limits: IngestLimits) -> str:
    """sha256 of a file; empty for one that is not to be read: whoever cuts it says why."""

    def read() -> str:
        with sources.raw(file) as stream:
            sources.check_size(stream, limits)
            return sources.digest(stream)

    return tried(read, lambda _: "")


def _forward(progress: Callable[[int, int], None], before: int, total: int, here: int) -> None:
    progress(min(before + here, total), total)


@cache
def _claimants() -> tuple[tuple[str, ModuleType], ...]:
    modules = ((name, plugins.load("formats", name)) for name in plugins.names("formats"))
    asked = [(name, module) for name, module in modules if hasattr(module, "claims")]
    return tuple(sorted(asked, key=lambda pair: (getattr(pair[1], "RANK", 50), pair[0])))


def _page(record: Any, name: str) -> dict[str, list[Any] | None]:
    """The lists of a page, such as `{"spans": [...], "annotations": [...], "next": ...}`, of which any holds records that
    a format claims; None for those of which no format claims the first. A record that the format `name` claims, or
    that is to be read as it, is no page, unless it is one by its own word (`PAGES`)."""
    own = getattr(plugins.load("formats", name), "PAGES", ()) if name else ()
    if not isinstance(record, dict) or (name and not any(isinstance(record.get(key), list) for key in own)):
        return {}
    lists = {key: held for key, held in record.items() if isinstance(held, list) and held and isinstance(held[0], dict)}
    known = {key: held if key in own or _recognised(held[0])[0] else None for key, held in lists.items()}
    return known if any(known.values()) else {}


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
