"""Assemble calls and feedback from all pieces of one key: the second half of ingest."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec

from harness.core import plugins
from harness.core.chat_forms import is_media
from harness.core.recordings import is_pair
from harness.ingest.containers import Bad
from harness.ingest.formats._fates import INNER, OTHER, aside
from harness.ingest.parse import BROKEN, quarantined
from harness.redact.redaction import Redactor
from harness.types import Call, Feedback, Noun, Quarantined, Source

BATCH = 5_000
"""Calls, feedback and quarantined records of one batch together."""

Found = Call | Feedback | Quarantined
T = TypeVar("T", bound=Noun)


class ParsedBatch(Noun, frozen=True):
    calls: tuple[Call, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    counts: dict[str, int] = {}
    """What was read for this batch: `read`, the spans, log records and rows, of which `other:tool` and its like count those
    that are not a model's, by kind; `files`, `skipped_files`, `records`, `spans`, `repeated_spans`, `repeated_calls`,
    `pairs` (calls with input and output content) and calls of each format and convention, such as `format:otlp` and
    `convention:genai`."""
    files: dict[str, str] = {}
    """sha256 of each file that ends with this batch -> its path."""
    held: dict[str, int] = {}
    """The same -> calls and feedback records that it gave."""


class Joiner:
    """Joins pieces; `counts` tells what was met on the way. Pieces of the files `damaged` are left out."""

    def __init__(self, paths: Sequence[str], damaged: Iterable[int], options: Mapping[str, Any]) -> None:
        self._paths, self._damaged, self._options = paths, frozenset(damaged), options
        self.counts: Counter[str] = Counter()

    def join(self, groups: Iterable[tuple[str, list[bytes]]]) -> Iterator[Found]:
        """Every group of pieces as the calls and feedback it means."""
        for key, packed in groups:
            name, _, rest = key.partition("\0")
            decode = _decoder(name).decode
            whole = [
                (piece, Source(format=name, file=self._paths[number], line=line))
                for number, line, piece in map(decode, packed)
                if number not in self._damaged
            ]
            try:
                results = list(plugins.load("formats", name).join(whole, self._options)) if whole else []
            except BROKEN as error:
                source = whole[0][1]
                yield quarantined(source.file, Bad(f"{name} cannot be read: {rest}: {error!r:.160}", source.line, b""))
                continue
            yield from self._counted(name, len(whole), results)

    def _counted(
        self, name: str, read: int, results: list[Call | Feedback | tuple[str, int]]
    ) -> Iterator[Call | Feedback]:
        """The records, and in `counts` what became of the `read` pieces that they were made from."""
        fates = 0
        for result in results:
            if isinstance(result, tuple):
                kind, count = result
                self.counts[kind] += count
                if kind == INNER:
                    read += count
                elif kind in _REPEATS or kind.startswith(OTHER):
                    fates += count
                continue
            fates += 1
            if isinstance(result, Call):
                self.counts[f"format:{name}"] += 1
                self.counts[f"convention:{result.source.convention or name}"] += 1
                self.counts["pairs"] += is_pair(result)
                self.counts["media"] += any(is_media(part) for each in result.input for part in each.parts)
            yield result
        self.counts["read"] += max(read, fates)
        if read > fates:
            self.counts[UNACCOUNTED] += read - fates


_REPEATS = frozenset(["repeated_calls", "repeated_feedback"])
UNACCOUNTED = aside("not accounted for")
"""Records of which a format does not tell what became of them. None, unless a format is at fault."""


class Batches:
    """Collects records until a batch is full."""

    def __init__(self, size: int = BATCH) -> None:
        self._size = size
        self._held: dict[type, list[Any]] = {Call: [], Feedback: [], Quarantined: []}

    def add(self, found: Found) -> Iterator[ParsedBatch]:
        self._held[type(found)].append(found)
        if sum(map(len, self._held.values())) >= self._size:
            yield self.take()

    def take(self, **rest: Any) -> ParsedBatch:
        batch = ParsedBatch(
            calls=tuple(self._held[Call]),
            feedback=tuple(self._held[Feedback]),
            quarantined=tuple(self._held[Quarantined]),
            **rest,
        )
        for held in self._held.values():
            held.clear()
        return batch


def redacted(found: Iterable[T], redact: Redactor | None) -> Iterator[T]:
    return map(redact, found) if redact else iter(found)


def found_in(redact: Redactor | None) -> Counter[str]:
    """How many of each kind were found, as counts of a batch."""
    return Counter({f"redacted:{kind}": count for kind, count in redact.counts.items()} if redact else {})


@cache
def _decoder(name: str) -> msgspec.msgpack.Decoder[tuple[int, int, Any]]:
    piece: Any = getattr(plugins.load("formats", name), "Piece", Any)
    return msgspec.msgpack.Decoder(tuple[int, int, piece])
