"""Read a file's bytes into located records. Its first bytes say what a file is, never its name."""

import re
from collections.abc import Callable, Iterator
from typing import IO, Any, BinaryIO, NamedTuple

import zstandard

from harness.ingest.barrier import WINDOW, Bad, guarded, tried
from harness.ingest.containers import archives, sources
from harness.ingest.containers.resumed import Resumed
from harness.ingest.containers.sources import HEAD, MIB
from harness.ingest.formats._json import loads, several
from harness.sections import IngestLimits

BOM = b"\xef\xbb\xbf"

PARQUET = b"PAR1"
FIRST_FIELD = 0x0A
"""How an OTLP request in protobuf starts: the tag of field 1, length-delimited."""

EVENT, DATA = re.compile(rb"(data|event|id|retry)?:"), b"data:"
"""How a recorded event stream starts, and what a line of it starts with that sends something."""

LENIENT = 32 * MIB
"""Bytes of one text that is read in the lenient way, which takes several times its size in memory."""


class Record(NamedTuple):
    value: Any
    line: int
    """1-based line or record number; 0 for a file that is one document."""


def records(stream: BinaryIO, limits: IngestLimits) -> Iterator[Record | Bad]:
    """All records of a file. A file that is damaged ends in a `Bad` with `whole_file` set: trust none of its records."""
    yield from guarded(_records(stream, limits), lambda reason: Bad(reason, 0, b"", whole_file=True), "damaged file")


def _records(stream: BinaryIO, limits: IngestLimits) -> Iterator[Record | Bad]:
    if sources.head(stream) == archives.ZIP:
        for member in archives.members(stream, limits):
            yield from _by_content(sources.unpacked(member, limits), limits)
    else:
        yield from _by_content(sources.unpacked(stream, limits), limits)


def _by_content(stream: IO[bytes], limits: IngestLimits) -> Iterator[Record | Bad]:
    head = stream.read(HEAD)
    text = head.removeprefix(BOM).lstrip()
    rest = Resumed(head, stream)
    if not head:
        return
    if text[:1] in (b"{", b"["):
        yield from _json(rest, limits)
    elif EVENT.match(text) and DATA in text:
        yield from _lines(rest, limits, start=1, read=_event)
    elif head[:4] == PARQUET or _looks_delimited(head):
        yield from _table(head[:4] == PARQUET, rest, limits)
    elif head[:2] == b"--":
        data = rest.rest(limits.record_mib * MIB)
        yield tried(lambda: Record(archives.form(data), 0), lambda reason: Bad(reason, 0, data, whole_file=True), "")
    elif head[0] == FIRST_FIELD or _looks_framed(head, limits):
        yield from guarded(
            _protobuf(head[0] == FIRST_FIELD, rest, limits), lambda reason: Bad(reason, 0, head, whole_file=True), ""
        )
    else:
        yield Bad("not a kind of file that contains traces", 0, head, whole_file=True)


def _looks_delimited(head: bytes) -> bool:
    """Whether a file may be CSV: its first line is a text of several names."""
    line = head.partition(b"\n")[0]
    return b"," in line and all(byte >= 32 or byte in (9, 13) for byte in line)


def _looks_framed(head: bytes, limits: IngestLimits) -> bool:
    """Whether a file starts with a big-endian length and a request, as the collector's file exporter writes."""
    started = head[4:5] in (bytes([FIRST_FIELD]), b"{", sources.ZSTD[:1])
    return started and 2 <= int.from_bytes(head[:4], "big") <= limits.document_mib * MIB


def _table(is_parquet: bool, stream: Resumed, limits: IngestLimits) -> Iterator[Record | Bad]:
    from harness.ingest.containers import tabular  # pyarrow takes 0.5 s to import

    with stream.seekable() as file:
        rows = tabular.parquet(file) if is_parquet else tabular.delimited(file, limits.record_mib * MIB)
        numbered = (Record(row, number) for number, row in enumerate(rows, 1))
        yield from guarded(numbered, lambda reason: Bad(reason, 0, b"", whole_file=True), "")


def _protobuf(one: bool, stream: Resumed, limits: IngestLimits) -> Iterator[Record | Bad]:
    from harness.ingest.containers import binary  # protobuf takes 0.3 s to import

    most = limits.record_mib * MIB
    if one:
        data = stream.rest(most + 1)
        if len(data) > most:
            raise sources.UnreadableFile(_longer("a request", limits.record_mib))
        yield Record(binary.request(data), 0)
        return
    for number, body in binary.messages(stream.rest, most):
        yield _framed(binary.request, number, body, most)


def _framed(parse: Callable[[bytes], Any], number: int, body: bytes, most: int) -> Record | Bad:
    """One message of a length-prefixed file; older collectors compress each by itself, and it may hold JSON."""

    def read() -> Record | Bad:
        data = body
        if data[:4] == sources.ZSTD:
            data = zstandard.ZstdDecompressor().decompress(data, max_output_size=most)
        return Record(loads(data) if data[:1] == b"{" else parse(data), number)

    return tried(read, lambda reason: Bad(reason, number, body), "")


# ------------------------------------------------------------ JSON


def _json(stream: Resumed, limits: IngestLimits) -> Iterator[Record | Bad]:
    """JSON lines, or one document: told by whether the first line is a whole value."""
    first = stream.line(limits.document_mib * MIB + 1).removeprefix(BOM)
    read = _parsed(first, 1, limits)
    if isinstance(read, Bad):
        yield from _document(first, stream, read, limits)
        return
    yield from _unfolded(read)
    yield from _lines(stream, limits)


def _parsed(text: bytes, line: int, limits: IngestLimits) -> Record | Bad:
    """The value of one line or document, with the line that it is on."""
    if len(text) > limits.document_mib * MIB:
        return Bad(_longer("a document", limits.document_mib), line, text[:WINDOW])
    return tried(lambda: Record(loads(text.strip(), LENIENT), line), lambda reason: Bad(reason, line, text), "")


def _longer(what: str, mib: int) -> str:
    return f"{what} longer than {mib} MiB"


def _unfolded(found: Record | Bad) -> Iterator[Record | Bad]:
    """A line that is a list is many records."""
    if isinstance(found, Record) and isinstance(found.value, list):
        for item in found.value:
            yield Record(item, found.line)
    else:
        yield found


def _document(first: bytes, stream: Resumed, bad: Bad, limits: IngestLimits) -> Iterator[Record | Bad]:
    """The whole file as one JSON value; when its second line is one already, only the first line was bad."""
    if len(first) > limits.document_mib * MIB:
        yield from _lines(stream, limits, rest_of=bad)
        return
    second = b"" if first.strip() in (b"{", b"[") else stream.line(limits.record_mib * MIB)
    if second.strip() and isinstance(read := _parsed(second, 2, limits), Record):
        yield bad
        yield from _unfolded(read)
        yield from _lines(stream, limits, start=3)
        return
    data = b"".join((first, second, stream.rest(limits.document_mib * MIB - len(first) + 1)))
    whole = b"\n" in first
    read = _parsed(data, 0 if whole else 1, limits) if whole or len(data) > len(first) else bad
    if isinstance(read, Record):
        yield from _unfolded(read._replace(line=0))
    else:
        yield from _one_after_another(data, read._replace(whole_file=whole))


def _one_after_another(data: bytes, otherwise: Bad) -> Iterator[Record | Bad]:
    """Documents that were put together without a newline between them; `otherwise` when not even the first is whole."""
    if len(data) > LENIENT:
        yield otherwise
        return
    number = 0

    def broken(reason: str) -> Bad:
        return otherwise if number == 0 else Bad(reason, number + 1, b"")

    values = guarded(several(data), broken, "")
    for number, value in enumerate(values, 1):
        yield from (value,) if isinstance(value, Bad) else _unfolded(Record(value, number))


def _lines(
    stream: Resumed, limits: IngestLimits, start: int = 2, rest_of: Bad | None = None, read: "ReadLine | None" = None
) -> Iterator[Record | Bad]:
    """Lines from the number `start` on. `rest_of`: the line before was longer than its limit, and goes on. `read`: how a line is
    read, as JSON by default."""
    number, most, barren = start, limits.record_mib * MIB, 0
    if rest_of:
        yield rest_of
        barren = stream.skip_line(limits.barren_mib * MIB)
    while barren <= limits.barren_mib * MIB and (line := stream.line(most + 1)):
        if len(line) > most and not line.endswith(b"\n"):
            yield Bad(_longer("a record", limits.record_mib), number, line[:WINDOW])
            barren += stream.skip_line(limits.barren_mib * MIB)
        elif line.strip():
            barren = 0
            yield from (read or _line)(line, number, limits)
        else:
            barren += len(line)
        number += 1
    if barren > limits.barren_mib * MIB:
        yield Bad(f"more than {limits.barren_mib} MiB without a record; the rest was not read", number, b"")


ReadLine = Callable[[bytes, int, IngestLimits], Iterator[Record | Bad]]


def _event(line: bytes, number: int, limits: IngestLimits) -> Iterator[Record | Bad]:
    """A line of a recorded event stream (WHATWG HTML, server-sent events): what it sends, if it is no mark of the end."""
    field, _, data = line.strip().partition(b":")
    if field == b"data" and data.strip() not in (b"", b"[DONE]"):
        yield from _line(data.strip(), number, limits)


def _line(line: bytes, number: int, limits: IngestLimits) -> Iterator[Record | Bad]:
    read = _parsed(line, number, limits)
    if isinstance(read, Record):
        yield from _unfolded(read)
        return
    for found in _one_after_another(line, read):
        yield found._replace(line=number)
