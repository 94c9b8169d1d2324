"""Parse what Langfuse's SDKs and LiteLLM send to its ingestion API: `{"batch": [{"type": "generation-create", "body": …}]}`.

A creation and its updates are one observation; later values win. Source: the ingestion API of Langfuse 2 and 3.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from harness.ingest.barrier import Bad, each
from harness.ingest.formats import _rows, _trace, langfuse_export
from harness.ingest.formats._fates import Passed
from harness.ingest.formats._json import Json, listing, mapping, text_of
from harness.ingest.formats._otlp import Log, Span
from harness.types import Call, Feedback, Source

RANK = 39
Piece = Span | Log
Options = _trace.Options

_SUFFIXES = ("-create", "-update")


def claims(record: dict[str, Json]) -> bool:
    first = mapping(next(iter(listing(record.get("batch"))), None))
    return isinstance(first.get("body"), dict) and text_of(first.get("type")).endswith((*_SUFFIXES, "-log"))


def pieces(record: dict[str, Json]) -> Iterator[tuple[str | None, Piece | Passed | Bad]]:
    yield from each(listing(record["batch"]), _read)


def _read(event: Json) -> Iterator[tuple[str | None, Piece | Passed]]:
    body, (kind, _, _) = mapping(mapping(event).get("body")), text_of(mapping(event).get("type")).rpartition("-")
    if kind == "sdk":
        yield None, Passed("log record")
        return
    row = {**body, "type": text_of(body.get("type")) or kind.upper()}
    if kind == "score":
        row |= {"dataType": body.get("dataType"), "source": body.get("source") or "API"}
        row.setdefault("timestamp", mapping(event).get("timestamp"))
    piece = langfuse_export.piece(row, "trace" if kind == "trace" else "score" if kind == "score" else "observation")
    yield piece.trace_id, piece


def join(found: list[tuple[Piece, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | _trace.Count]:
    whole, repeated, joined = _rows.folded(found, langfuse_export.ROW)
    roots = [(piece, source) for piece, source in whole if isinstance(piece, Span) and _is_root(piece)]
    rest = [(piece, source) for piece, source in whole if not (isinstance(piece, Span) and _is_root(piece))]
    if roots:
        held = {name: value for span, _ in roots for name, value in span.attributes.items() if value}
        rest.insert(0, (replace(roots[0][0], attributes=held), roots[0][1]))
        joined += len(roots) - 1
    yield from _rows.counted(langfuse_export.join(rest, options), repeated, joined)


def _is_root(span: Span) -> bool:
    return langfuse_export.TRACE in span.attributes
