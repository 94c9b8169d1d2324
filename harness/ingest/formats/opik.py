"""Parse Opik exports: a file a trace with its spans, as `opik export` writes it, and rows of spans as its API gives them."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.barrier import Bad, each
from harness.ingest.formats import _rows
from harness.ingest.formats._bodies import params, request, response, tokens
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import Json, listing, mapping, number, text_of
from harness.ingest.formats._otlp import Log, Span
from harness.types import Call, CallError, Feedback, Source

RANK, TRUST = 30, 15
Piece = Span | Log

ROW = "opik.span"
_KINDS = {"ui": "human", "sdk": "app", "online_scoring": "judge"}
_TYPES = ("llm", "general", "tool", "guardrail")


def claims(record: dict[str, Json]) -> bool:
    whole = isinstance(record.get("trace"), dict) and isinstance(record.get("spans"), list)
    row = {"id", "trace_id", "start_time", "type"} <= record.keys() and record["type"] in _TYPES
    return (whole and bool({"downloaded_at", "project_name"} & record.keys())) or (row and "input" in record)


def pieces(record: dict[str, Json]) -> Iterator[tuple[str | None, Piece | Bad]]:
    trace = mapping(record.get("trace"))
    rows = [{**row, "type": "trace"} for row in (trace,) if row]

    def read(raw: Json) -> Iterator[tuple[str | None, Piece | Bad]]:
        row = mapping(raw)
        span, is_trace = _span(row, text_of(trace.get("id"))), row["type"] == "trace"
        yield span.trace_id, span
        scores = listing(row.get("feedback_scores"))
        yield from each(scores, lambda score: [(span.trace_id, _score(mapping(score), span, is_trace))])

    yield from each([*rows, *listing(record["spans"])] if rows else [record], read)


def join(found: list[tuple[Piece, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | tuple[str, int]]:
    return _rows.read(found, ROW, options)


def _span(row: dict[str, Json], trace_id: str) -> Span:
    is_trace = row["type"] == "trace"
    held = {**_rows.context(row, row.get("metadata")), ROW: row}
    return Span(
        trace_id=text_of(row.get("trace_id")) or trace_id or text_of(row.get("id")),
        span_id=f"trace:{row.get('id')}" if is_trace else text_of(row.get("id")),
        parent_id=text_of(row.get("parent_span_id")) or ("" if is_trace or not trace_id else f"trace:{trace_id}"),
        name=text_of(row.get("name")),
        start_ns=nanoseconds(row.get("start_time")),
        end_ns=nanoseconds(row.get("end_time")),
        attributes=held,
        scope="opik",
    )


def _score(score: dict[str, Json], span: Span, of_trace: bool) -> Log:
    return _rows.evaluation(
        span.trace_id,
        "" if of_trace else span.span_id,
        score.get("name"),
        value=number(score.get("value")),
        label=score.get("category_name"),
        comment=score.get("reason"),
        user_id=score.get("created_by"),
        source_kind=_KINDS.get(text_of(score.get("source"))),
        at_ns=nanoseconds(score.get("last_updated_at") or score.get("created_at")),
    )


def speaks(span: Span) -> bool:
    return ROW in span.attributes


def fill(span: Span, draft: Draft) -> bool:
    row = mapping(span.attributes[ROW])
    if row.get("type") != "llm":
        return False
    metadata, failure = mapping(row.get("metadata")), mapping(row.get("error_info"))
    draft.fill(**request(row.get("input")))
    draft.fill(**response(row["output"]) if row.get("output") else {})
    draft.fill(
        provider=text_of(row.get("provider")),
        model_served=text_of(row.get("model")),
        params=params(metadata),
        usage=tokens(row.get("usage")),
    )
    if failure:
        draft.fill(
            error=CallError(type=text_of(failure.get("exception_type")), message=text_of(failure.get("message")))
        )
    return True
