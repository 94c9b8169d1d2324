"""Parse Langfuse's own exports: trace bundles of the UI, pages of the public API, blob-storage and batch exports."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.barrier import Bad, each
from harness.ingest.formats import _langfuse, _ratings, _trace
from harness.ingest.formats._bodies import tools
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import Json, listing, mapping, number, parsed, text_of
from harness.ingest.formats._messages import reasoned
from harness.ingest.formats._otlp import Log, Span
from harness.ingest.formats._rows import context, evaluation, rows
from harness.types import Call, CallError, Feedback, Source

RANK, TRUST, PAGES = 40, 15, ("data",)
Piece = Span | Log
Options = _trace.Options

ROW, TRACE = "langfuse.row", "langfuse.trace"
OUTER = "langfuse.outer"
TYPES = frozenset(
    ["SPAN", "GENERATION", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR", "EMBEDDING", "GUARDRAIL"]
)
_KINDS = {"ANNOTATION": "human", "API": "app", "EVAL": "judge"}


def claims(record: dict[str, Json]) -> bool:
    if _bundle(record):
        return True
    return _kind(next(iter(rows(record, "data")), {})) != ""


def _bundle(record: dict[str, Json]) -> dict[str, Json]:
    """The trace of a bundle: beside its observations, as the UI gives it, or around them, as the API does."""
    if isinstance(record.get("trace"), dict) and isinstance(record.get("observations"), list):
        return mapping(record["trace"])
    around = _kind(record) == "trace" and any(isinstance(item, dict) for item in listing(record.get("observations")))
    return record if around else {}


def _kind(row: dict[str, Json]) -> str:
    keys = row.keys()
    timed = {"startTime", "start_time"} & keys
    if row.get("type") in TYPES and {"traceId", "trace_id"} & keys and timed:
        return "observation"
    if (
        {"dataType", "data_type"} & keys
        and {"name", "source"} <= keys
        and {"value", "stringValue", "string_value"} & keys
    ):
        return "score"
    declares = {"minValue", "min_value", "categories", "isArchived", "is_archived"} & keys
    if {"dataType", "data_type"} & keys and "name" in keys and declares:
        return "config"
    if {"id", "timestamp", "name"} <= keys and {"userId", "user_id"} & keys and {"sessionId", "session_id"} & keys:
        return "trace"
    return ""


def pieces(record: dict[str, Json]) -> Iterator[tuple[str | None, Piece | Bad]]:
    trace = _bundle(record)
    found = (
        [*listing(record.get("observations")), *listing(trace.get("scores") or record.get("scores"))] if trace else []
    )
    found += [{**mapping(item), "dataType": "CORRECTION"} for item in listing(trace.get("corrections"))]
    found += [] if trace else [*_columns(record), record]
    if trace:
        yield text_of(trace.get("id")), _root(trace)

    def read(row: Json) -> Iterator[tuple[str, Piece]]:
        piece = _piece(_snake(mapping(row)), text_of(trace.get("id")))
        yield piece.trace_id, piece

    yield from each(found, read)


def _columns(row: dict[str, Json]) -> Iterator[dict[str, Json]]:
    """Scores of the UI's export of observations, which stand in a column for each name."""
    if "traceName" not in row and "traceTags" not in row:
        return
    for name, held in row.items():
        values = parsed(held) if name not in _KNOWN else None
        for value in values if isinstance(values, list) else ():
            if isinstance(value, (int, float, str)):
                of = {"traceId": row.get("traceId"), "observationId": row.get("id"), "timestamp": row.get("endTime")}
                spelled = {"value": value} if not isinstance(value, str) else {"stringValue": value}
                yield {**of, **spelled, "name": name, "dataType": "NUMERIC", "source": "EXPORT"}


_KNOWN = frozenset(
    ["traceTags", "tags", "comments", "input", "output", "metadata", "toolCalls", "toolCallNames", "toolDefinitions"]
)
"""Columns that may hold a list and are no score."""


def join(found: list[tuple[Piece, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | _trace.Count]:
    return _trace.read(_leaves(found), options)


def _leaves(found: list[tuple[Piece, Source]]) -> list[tuple[Piece, Source]]:
    """A generation inside a generation repeats it: the inner one is the call, and knows the outer one as another record of
    it where it is the only one inside. Traces and scores stay."""
    made = [piece for piece, _ in found if isinstance(piece, Span) and _is_generation(piece)]
    inner, rows = Counter(piece.parent_id for piece in made), {piece.span_id: piece.attributes[ROW] for piece in made}
    for span in made:
        if span.parent_id in rows and inner[span.parent_id] == 1:
            span.attributes[OUTER] = rows[span.parent_id]
    root = next((piece for piece, _ in found if isinstance(piece, Span) and TRACE in piece.attributes), None)
    kept: list[tuple[Piece, Source]] = []
    for piece, source in found:
        if isinstance(piece, Span):
            if _is_generation(piece) and piece.span_id in inner:
                piece.attributes = {name: held for name, held in piece.attributes.items() if name != ROW}
            if root and piece is not root and not piece.parent_id:
                piece.parent_id = root.span_id
        kept.append((piece, source))
    return kept


def _is_generation(span: Span) -> bool:
    return mapping(span.attributes.get(ROW)).get("type") == "GENERATION"


def _snake(row: dict[str, Json]) -> dict[str, Json]:
    return {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): value for name, value in row.items()}


def _root(trace: dict[str, Json]) -> Span:
    """The trace as a span above all others, for its session, user and tags."""
    row = _snake(trace)
    held = {**context(row), TRACE: True, "langfuse.trace.output": row.get("output")}
    return Span(
        text_of(row.get("id")), f"trace:{text_of(row.get('id'))}", name=text_of(row.get("name")), attributes=held
    )


def piece(row: dict[str, Json], kind: str) -> Piece:
    """The piece that a row of the given kind makes: observation, score or trace."""
    return _made(_snake(row), kind, "")


def _piece(row: dict[str, Json], trace_id: str) -> Piece:
    kind = _kind(row) or ("score" if row.get("data_type") == "CORRECTION" else "")
    return _made(row, kind, trace_id)


def _made(row: dict[str, Json], kind: str, trace_id: str) -> Piece:
    if kind == "score":
        return _score(row, trace_id)
    if kind == "trace":
        return _root(row)
    if kind == "config":
        return evaluation("", "", row.get("name"), scale=_scale(row), changed_ns=nanoseconds(row.get("updated_at")))
    return Span(
        trace_id=text_of(row.get("trace_id")) or trace_id,
        span_id=text_of(row.get("id")),
        parent_id=text_of(row.get("parent_observation_id")),
        name=text_of(row.get("name")),
        start_ns=nanoseconds(row.get("start_time")),
        end_ns=nanoseconds(row.get("end_time")),
        attributes={**context(row), ROW: row},
        scope="langfuse",
    )


def _score(row: dict[str, Json], trace_id: str) -> Log:
    subject = mapping(row.get("subject"))
    spelled = row.get("long_string_value") or row.get("string_value") or row.get("value")
    correction = spelled if row.get("data_type") == "CORRECTION" else None
    said = {} if correction is not None else _ratings.rated(row.get("value"), row.get("string_value"))
    return evaluation(
        text_of(row.get("trace_id") or subject.get("traceId") or _subject(subject, "trace")) or trace_id,
        text_of(row.get("observation_id") or _subject(subject, "observation")),
        row.get("name") or "output",
        **said,
        comment=row.get("comment"),
        correction=correction,
        user_id=row.get("author_user_id"),
        session_id=row.get("session_id") or _subject(subject, "session"),
        source_kind=_KINDS.get(text_of(row.get("source"))),
        at_ns=nanoseconds(row.get("timestamp") or row.get("created_at")),
        key=row.get("id"),
        changed_ns=nanoseconds(row.get("updated_at") or row.get("created_at")),
        scale=_scale(row),
    )


def _scale(row: dict[str, Json]) -> dict[str, Json]:
    """What the type of a score, or the config of its name, declares: the number of a category is only its index."""
    kind = {"BOOLEAN": "boolean", "CATEGORICAL": "label"}.get(text_of(row.get("data_type")), "")
    return _ratings.scale(
        text_of(row.get("name")),
        kind=kind,
        labels=_ratings.categories(row.get("categories")),
        low=number(row.get("min_value")),
        high=number(row.get("max_value")),
    )


def _subject(subject: dict[str, Json], kind: str) -> Json:
    return subject.get("id") if subject.get("kind") == kind else None


def _said(row: dict[str, Json], draft: Draft) -> Draft:
    """The draft with what a generation says of its messages, parameters and tokens."""
    usage = row.get("usage_details") or row.get("usage")
    _langfuse.fill(draft, row.get("input"), row.get("output"), row.get("model_parameters"), usage)
    return draft


def speaks(span: Span) -> bool:
    return ROW in span.attributes


def fill(span: Span, draft: Draft) -> bool:
    row = mapping(span.attributes[ROW])
    if row.get("type") != "GENERATION":
        return False
    _said(row, draft)
    if OUTER in span.attributes:
        draft.better(_said(mapping(span.attributes[OUTER]), Draft()))
    first = nanoseconds(row.get("completion_start_time"))
    draft.fill(
        model_served=text_of(row.get("provided_model_name") or row.get("model")),
        ttft_s=(first - span.start_ns) / 1e9 if first > span.start_ns > 0 else None,
        tools=tools(row.get("tool_definitions")),
    )
    metadata = parsed(row.get("metadata"))
    draft.output = reasoned(draft.output, [mapping(metadata).get("finish_reason")])
    if row.get("level") == "ERROR":
        draft.fill(error=CallError(type="error", message=text_of(row.get("status_message"))))
    return True
