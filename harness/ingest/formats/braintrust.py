"""Parse Braintrust logs: spans with scores, comments and `expected`, and the rows that its SDK sends."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from harness.ingest.formats import _rows, _trace
from harness.ingest.formats._bodies import params, request, tokens
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import Json, listing, mapping, number, parsed, text_of
from harness.ingest.formats._messages import choices
from harness.ingest.formats._otlp import Log, Span
from harness.types import Call, CallError, Feedback, Source

RANK, TRUST = 30, 15
Piece = Span | Log
Options = _trace.Options

ROW = "braintrust.row"


_PAGES = ("rows", "events", "data")


def claims(record: dict[str, Json]) -> bool:
    keys = next(iter(_rows.rows(record, *_PAGES)), {}).keys()
    sent = {"log_id", "project_id"} <= keys and ("_is_merge" in keys or {"origin", "comment"} <= keys)
    return sent or ("root_span_id" in keys and bool({"span_attributes", "span_parents"} & keys))


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Piece]]:
    for row in _rows.rows(record, *_PAGES):
        if row.get("span_id") or row.get("root_span_id"):
            yield _span(row)
        else:  # feedback that was sent later names the row only
            origin = text_of(mapping(row.get("origin")).get("id") or row.get("id"))
            for said in _said("", origin, row):
                yield f"row:{origin}", said


def _span(record: dict[str, Json]) -> tuple[str, Piece]:
    parents, metrics = listing(record.get("span_parents")), mapping(record.get("metrics"))
    span_id = text_of(record.get("span_id") or record.get("id"))
    held = _rows.context({"tags": record.get("tags")}, record.get("metadata"))
    return (
        text_of(record.get("root_span_id")) or span_id,
        Span(
            trace_id=text_of(record.get("root_span_id")) or span_id,
            span_id=span_id,
            parent_id=text_of(parents[0]) if parents else "",
            name=text_of(mapping(record.get("span_attributes")).get("name")),
            start_ns=nanoseconds(metrics.get("start") or record.get("created")),
            end_ns=nanoseconds(metrics.get("end")),
            attributes={**held, ROW: record},
            scope="braintrust",
        ),
    )


def join(found: list[tuple[Piece, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | _trace.Count]:
    whole, repeated = _rows.folded(found, ROW)
    said = [
        (log, source)
        for span, source in whole
        if isinstance(span, Span)
        for log in _said(span.trace_id, span.span_id, mapping(span.attributes[ROW]))
    ]
    named = [(piece, _named(piece, source)) for piece, source in whole]
    return _rows.counted(_trace.read([*named, *said], options), repeated)


def _named(piece: Piece, source: Source) -> Source:
    """A row has an id beside its span id, by which later feedback finds it."""
    if not isinstance(piece, Span):
        return source
    id = text_of(mapping(piece.attributes[ROW]).get("id"))
    return replace(source, span_ids=tuple(dict.fromkeys(filter(None, (piece.span_id, id)))))


def _said(trace_id: str, span_id: str, row: dict[str, Json]) -> Iterator[Log]:
    """Scores of a row; its comments, and what was expected of it, go with the first score or stand alone."""
    notes = [*listing(row.get("comments")), *listing(row.get("comment"))]
    comments = [text_of(mapping(item).get("text") or mapping(item).get("comment")) for item in notes]
    extra: dict[str, Any] = {"comment": "; ".join(filter(None, comments)), "correction": row.get("expected")}
    extra["at_ns"] = nanoseconds(row.get("created"))
    scores = {name: number(score) for name, score in mapping(row.get("scores")).items()}
    for name, score in scores.items():
        label = "incorrect" if score == 0 else "correct" if score == 1 else ""
        yield _rows.evaluation(trace_id, span_id, name, value=score, label=label, **extra)
        extra |= {"comment": "", "correction": None}
    if not scores and (extra["comment"] or extra["correction"]):
        yield _rows.evaluation(trace_id, span_id, "review", **extra)


def speaks(span: Span) -> bool:
    return ROW in span.attributes


def fill(span: Span, draft: Draft) -> bool:
    row = mapping(span.attributes[ROW])
    answered, metadata = parsed(row.get("output")), mapping(row.get("metadata"))
    embeds = "mbed" in span.name or "embedding_length" in mapping(answered)
    if mapping(row.get("span_attributes")).get("type") != "llm" or embeds:
        return False
    metrics = mapping(row.get("metrics"))
    counts = {"cached_tokens": metrics.get("prompt_cached_tokens")}
    counts |= {"reasoning_tokens": metrics.get("completion_reasoning_tokens")}
    counts |= {"cache_write_tokens": metrics.get("prompt_cache_creation_tokens")}
    draft.fill(
        **request({**metadata, "messages": row.get("input")}),
        output=choices(answered) if answered is not None else (),
        provider=text_of(metadata.get("provider")),
        ttft_s=number(metrics.get("time_to_first_token")),
        usage=tokens({**metrics, **counts}),
    )
    draft.fill(params=params(metadata))
    if metadata.get("provider") == "anthropic":  # whose system prompt is written behind the conversation
        draft.input = tuple(sorted(draft.input, key=lambda said: said.role != "system"))
    if row.get("error"):
        draft.fill(error=CallError(type="error", message=text_of(row["error"])))
    return True
