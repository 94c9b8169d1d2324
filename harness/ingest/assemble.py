"""Assemble calls and feedback from all pieces of one key: the second half of ingest."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

import msgspec

from harness.core import plugins
from harness.core.chat_forms import is_media
from harness.core.recordings import is_pair
from harness.ingest.barrier import Bad, start_of, tried
from harness.ingest.door import StoreDoor
from harness.ingest.formats._fates import INNER, OTHER, aside
from harness.sections import IngestLimits
from harness.types import Call, Feedback, Noun, Quarantined, Source

BATCH = 5_000
"""Calls, feedback and quarantined records of one batch together."""

Found = Call | Feedback | Quarantined
Piece = tuple[Any, Source]
"""A piece of a record, and where it was read."""


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

    def __init__(
        self, paths: Sequence[str], damaged: Iterable[int], options: Mapping[str, Any], door: StoreDoor
    ) -> None:
        self._paths, self._damaged, self._options, self._door = paths, frozenset(damaged), options, door
        self.counts: Counter[str] = Counter()

    def join(self, groups: Iterable[tuple[str, list[bytes]]]) -> Iterator[Found]:
        """Every group of pieces as the calls and feedback it means, fit to be stored."""
        for key, packed in groups:
            name = key.partition("\0")[0]
            whole: list[Piece] = []
            for number, line, piece in self._unpacked(name, packed):
                if number in self._damaged:
                    continue
                if isinstance(piece, Bad):
                    yield self._door.bad(self._paths[number], piece)
                else:
                    whole.append((piece, Source(format=name, file=self._paths[number], line=line)))
            if whole:
                yield from self._joined(name, whole)

    def _unpacked(self, name: str, packed: list[bytes]) -> list[tuple[int, int, Any]]:
        """Pieces with their file and line; those whose fields have a wrong type as what is wrong."""
        decode = _decoder(name).decode
        return tried(lambda: [*map(decode, packed)], lambda _: [tried(partial(decode, d), _untyped(d)) for d in packed])

    def _joined(self, name: str, pieces: list[Piece]) -> Iterator[Found]:
        """What the pieces of one key mean together. When one spoils it, the others are joined without it."""
        results = tried(lambda: self._made(name, pieces), _as_text)
        if not isinstance(results, str):
            yield from self._counted(name, len(pieces), results)
        elif len(pieces) == 1:
            piece, source = pieces[0]
            yield self._door.bad(source.file, Bad(results, source.line, start_of(piece)))
        else:
            for part in self._parted(name, pieces):
                yield from self._joined(name, part)

    def _parted(self, name: str, pieces: list[Piece]) -> list[list[Piece]]:
        """The pieces that can be joined by themselves, together, and each of the others; else two halves."""
        alone = [not isinstance(tried(partial(self._made, name, [piece]), _as_text), str) for piece in pieces]
        good = [piece for piece, joins in zip(pieces, alone, strict=True) if joins]
        bad = [[piece] for piece, joins in zip(pieces, alone, strict=True) if not joins]
        half = len(good) // 2
        return [good, *bad] if good and bad else bad or [good[:half], good[half:]]

    def _made(self, name: str, pieces: list[Piece]) -> list[Found | tuple[str, int]]:
        found = plugins.load("formats", name).join(pieces, self._options)
        return [made if isinstance(made, tuple) else self._door.call(made) for made in found]

    def _counted(self, name: str, read: int, results: Iterable[Found | tuple[str, int]]) -> Iterator[Found]:
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
            if isinstance(result, Quarantined):  # which counts as read by itself
                read -= 1
                yield result
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


def _untyped(data: bytes) -> Callable[[str], tuple[int, int, Bad]]:
    """What takes the place of a piece that is not of its format's type."""
    number, line, piece = msgspec.msgpack.decode(data)
    return lambda reason: (number, line, Bad(reason, line, start_of(piece)))


def _as_text(reason: str) -> str:
    return reason


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


def limits_of(options: Mapping[str, Any]) -> IngestLimits:
    """The limits among ingest's options."""
    return msgspec.convert(options.get("limits", {}), IngestLimits)


@cache
def _decoder(name: str) -> msgspec.msgpack.Decoder[tuple[int, int, Any]]:
    piece: Any = getattr(plugins.load("formats", name), "Piece", Any)
    return msgspec.msgpack.Decoder(tuple[int, int, piece])
