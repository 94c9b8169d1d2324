"""Read a file's bytes into located records. Its first bytes say what a file is, never its name."""

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, NamedTuple

import zstandard

from harness.ingest.containers import archives, sources
from harness.ingest.containers.sources import UnpackedTooLarge
from harness.ingest.formats._json import loads, several

BOM = b"\xef\xbb\xbf"
LONGEST_LINE = 64 * 2**20
LARGEST_DOCUMENT = 256 * 2**20
"""Bytes of one JSON line, and of a JSON document that is not in lines."""

PARQUET = b"PAR1"
FIRST_FIELD = 0x0A
"""How an OTLP request in protobuf starts: the tag of field 1, length-delimited."""

HEAD = 4096
"""Bytes that tell what a file is."""

EXCERPT = 200


class Record(NamedTuple):
    value: Any
    line: int
    """1-based line or record number; 0 for a file that is one document."""


class Bad(NamedTuple):
    """A record, or with line 0 a whole file, that cannot be read, and why."""

    reason: str
    line: int
    raw: bytes
    whole_file: bool = False


def records(stream: BinaryIO) -> Iterator[Record | Bad]:
    """All records of a file. A file that is damaged ends in a `Bad` with `whole_file` set: trust none of its records."""
    try:
        if sources.head(stream) == archives.ZIP:
            for member in archives.members(stream):
                yield from _by_content(sources.unpacked(member))
        else:
            yield from _by_content(sources.unpacked(stream))
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, zstandard.ZstdError, UnpackedTooLarge) as error:
        yield Bad(f"damaged file: {error}", 0, b"", whole_file=True)


def _by_content(stream: IO[bytes]) -> Iterator[Record | Bad]:
    head = stream.read(HEAD)
    text = head.removeprefix(BOM).lstrip()
    rest = _Resumed(head, stream)
    if not head:
        return
    if text[:1] in (b"{", b"["):
        yield from _json(rest)
    elif head[:4] == PARQUET or _looks_delimited(head):
        yield from _table(head[:4] == PARQUET, rest)
    elif head[:2] == b"--":
        yield from _form(rest.rest(LONGEST_LINE))
    elif head[0] == FIRST_FIELD or _looks_framed(head):
        yield from _protobuf(head[0] == FIRST_FIELD, rest)
    else:
        yield Bad("not a kind of file that holds traces", 0, head[:EXCERPT], whole_file=True)


def _looks_delimited(head: bytes) -> bool:
    """Whether a file may be CSV: its first line is a text of several names."""
    line = head.partition(b"\n")[0]
    return b"," in line and all(byte >= 32 or byte in (9, 13) for byte in line)


def _looks_framed(head: bytes) -> bool:
    """Whether a file starts with a big-endian length and a request, as the collector's file exporter writes."""
    started = head[4:5] in (bytes([FIRST_FIELD]), b"{", sources.ZSTD[:1])
    return started and 2 <= int.from_bytes(head[:4], "big") <= LARGEST_DOCUMENT


def _table(is_parquet: bool, stream: "_Resumed") -> Iterator[Record | Bad]:
    from harness.ingest.containers import tabular  # pyarrow takes 0.5 s to import

    with stream.seekable() as file:
        try:
            rows = tabular.parquet(file) if is_parquet else tabular.delimited(file)
            yield from (Record(row, number) for number, row in enumerate(rows, 1))
        except ValueError as error:
            yield Bad(str(error), 0, b"", whole_file=True)


def _form(data: bytes) -> Iterator[Record | Bad]:
    try:
        yield Record(archives.form(data), 0)
    except ValueError as error:
        yield Bad(str(error), 0, data[:EXCERPT], whole_file=True)


def _protobuf(one: bool, stream: "_Resumed") -> Iterator[Record | Bad]:
    from harness.ingest.containers import binary  # protobuf takes 0.3 s to import

    try:
        if one:
            yield Record(binary.request(stream.rest(LARGEST_DOCUMENT)), 0)
            return
        for number, body in binary.messages(stream.rest):
            yield _framed(binary.request, number, body)
    except ValueError as error:
        yield Bad(str(error), 0, b"", whole_file=True)


def _framed(parse: Callable[[bytes], Any], number: int, body: bytes) -> Record | Bad:
    """One message of a length-prefixed file; older collectors compress each by itself, and it may hold JSON."""
    try:
        if body[:4] == sources.ZSTD:
            body = zstandard.ZstdDecompressor().decompress(body, max_output_size=LARGEST_DOCUMENT)
        return Record(loads(body) if body[:1] == b"{" else parse(body), number)
    except (ValueError, zstandard.ZstdError) as error:
        return Bad(str(error), number, body[:EXCERPT])


class _Resumed:
    """A stream with the bytes that were looked at put back in front; `line` reads up to and with the next newline."""

    def __init__(self, head: bytes, stream: IO[bytes]) -> None:
        self._head, self._stream = head, stream

    def line(self, limit: int) -> bytes:
        if not self._head:
            return self._stream.readline(limit)
        first, newline, self._head = self._head.partition(b"\n")
        if newline:
            return first + newline
        return first + self._stream.readline(limit)

    @contextmanager
    def seekable(self) -> Iterator[IO[bytes]]:
        """The whole stream from its start; a compressed one by way of a temporary file."""
        if self._stream.seekable():
            self._stream.seek(0)
            yield self._stream
            return
        with tempfile.TemporaryFile(prefix="trueup-") as copy:
            copy.write(self._head)
            shutil.copyfileobj(self._stream, copy, 2**20)
            copy.seek(0)
            yield copy

    def rest(self, limit: int) -> bytes:
        """The next `limit` bytes, or fewer at the end."""
        data, self._head = self._head[:limit], self._head[limit:]
        return data + (self._stream.read(limit - len(data)) or b"")


def _json(stream: _Resumed) -> Iterator[Record | Bad]:
    """JSON lines, or one document: told by whether the first line is a whole value."""
    first = stream.line(LONGEST_LINE).removeprefix(BOM)
    try:
        value = loads(first.strip())
    except ValueError as error:
        yield from _document(first, stream, str(error))
        return
    yield from _unfolded(value, 1)
    yield from _lines(stream)


def _unfolded(value: Any, line: int) -> Iterator[Record | Bad]:
    """A line that is a list is many records."""
    if isinstance(value, list):
        for item in value:
            yield Record(item, line)
    else:
        yield Record(value, line)


def _document(first: bytes, stream: _Resumed, reason: str) -> Iterator[Record | Bad]:
    """The whole file as one JSON value; when its second line is one already, only the first line was bad."""
    second = b"" if first.strip() in (b"{", b"[") else stream.line(LONGEST_LINE)
    try:
        value = loads(second) if second.strip() else None
    except ValueError:
        value = None
    if value is not None:
        yield Bad(reason, 1, first[:EXCERPT])
        yield from _unfolded(value, 2)
        yield from _lines(stream, start=3)
        return
    data = first + second + stream.rest(LARGEST_DOCUMENT)
    try:
        yield from _unfolded(loads(data), 0)
    except ValueError as error:
        whole = b"\n" in first
        told = reason if not whole else f"not a JSON document: {error}"
        yield from _one_after_another(data, Bad(told, 0 if whole else 1, first[:EXCERPT], whole))


def _one_after_another(data: bytes, otherwise: Bad) -> Iterator[Record | Bad]:
    """Documents that were put together without a newline between them; `otherwise` when not even the first is whole."""
    number = 0
    try:
        for number, value in enumerate(several(data), 1):
            yield from _unfolded(value, number)
    except ValueError as error:
        yield otherwise if number == 0 else Bad(str(error), number + 1, b"")


def _lines(stream: _Resumed, start: int = 2) -> Iterator[Record | Bad]:
    number = start
    while line := stream.line(LONGEST_LINE):
        if len(line) >= LONGEST_LINE and not line.endswith(b"\n"):
            yield Bad(f"longer than {LONGEST_LINE >> 20} MiB", number, line[:EXCERPT])
            while (piece := stream.line(LONGEST_LINE)) and not piece.endswith(b"\n"):
                pass
        elif line.strip():
            yield from _line(line, number)
        number += 1


def _line(line: bytes, number: int) -> Iterator[Record | Bad]:
    try:
        value = loads(line.strip())
    except ValueError as error:
        for found in _one_after_another(line, Bad(str(error), number, line[:EXCERPT])):
            yield found._replace(line=number)
        return
    yield from _unfolded(value, number)
