"""Parse W&B Weave calls and feedback."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.barrier import Bad, each
from harness.ingest.formats import _ratings, _rows, _trace
from harness.ingest.formats._bodies import request, response, tokens
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import Json, listing, mapping, parsed, text_of
from harness.ingest.formats._otlp import Log, Span
from harness.types import Call, CallError, Feedback, Source

RANK, TRUST = 30, 15
Piece = Span | Log
Options = _trace.Options

ROW = "weave.call"
_OPS = (
    "chat.completions.create",
    "chat.completions.parse",
    "responses.create",
    "responses.parse",
    "litellm.completion",
    "litellm.acompletion",
    "Messages.create",
    "AsyncMessages.create",
    "generate_content",
)


def claims(record: dict[str, Json]) -> bool:
    keys = record.keys()
    return (
        {"op_name", "trace_id", "started_at"} <= keys
        or {"weave_ref", "feedback_type", "payload"} <= keys
        or ({"id", "project_id", "ended_at"} <= keys and bool({"output", "summary", "exception"} & keys))
        or any(name in keys and claims(mapping(record[name])) for name in ("start", "end"))
    )


def pieces(record: dict[str, Json]) -> Iterator[tuple[str | None, Piece | Bad]]:
    if "feedback_type" in record:
        said = _feedback(record)
        yield said.span_id, said
        return
    for name in ("start", "end"):  # a call as the SDK sends it: its creation and its end, each by itself
        if name in record:
            yield from pieces(mapping(record[name]))
            return
    row = _nested(record)
    trace_id, id = text_of(row.get("trace_id")), text_of(row.get("id"))
    held = _rows.context(row, row.get("attributes"), {"user_id": row.get("wb_user_id")})
    yield (
        id,
        Span(
            trace_id=trace_id,
            span_id=id,
            parent_id=text_of(row.get("parent_id")),
            name=text_of(row.get("op_name")),
            start_ns=nanoseconds(row.get("started_at")),
            end_ns=nanoseconds(row.get("ended_at")),
            attributes={**held, ROW: row},
            scope=f"weave {_operation(row)}".strip(),
        ),
    )
    given = listing(mapping(mapping(row.get("summary")).get("weave")).get("feedback"))
    known = {"trace_id": trace_id, "weave_ref": f"/call/{id}"}
    yield from each(given, lambda item: [(id, _feedback({**mapping(item), **known}))])


def join(found: list[tuple[Piece, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | tuple[str, int]]:
    return _rows.read(found, ROW, options)


def _operation(row: dict[str, Json]) -> str:
    return text_of(row.get("op_name")).rpartition("/")[2].partition(":")[0]


def _nested(record: dict[str, Json]) -> dict[str, Json]:
    """A CSV export flattens `inputs.messages`; JSON text inside cells is decoded."""
    row: dict[str, Json] = {}
    for name, value in record.items():
        first, dot, rest = name.partition(".")
        if dot and first in ("inputs", "output", "summary", "attributes"):
            inner = row[first] = mapping(row.get(first))
            *path, last = rest.split(".") if first in ("inputs", "output") else [rest]
            for step in path:
                inner = inner.setdefault(step, {}) if isinstance(inner.get(step, {}), dict) else {}
            inner[last] = parsed(value)
        else:
            row[name] = value
    return row


def _feedback(row: dict[str, Json]) -> Log:
    payload, kind = mapping(row.get("payload")), text_of(row.get("feedback_type"))
    emoji = text_of(payload.get("emoji") or payload.get("alias"))
    said = payload.get("value", payload.get("output"))
    if ".annotation" in kind and isinstance(said, dict) and len(said) == 1:  # the value, by the annotation's own id
        said = next(iter(said.values()))
    known = next((word for word in ("reaction", "note") if f".{word}" in kind), "")
    name = known or (kind.rpartition(".")[2] if ".annotation" in kind else kind)
    return _rows.evaluation(
        text_of(row.get("trace_id")),
        text_of(row.get("call_ref") or row.get("weave_ref")).rpartition("/")[2],
        name,
        **({"label": emoji} if emoji else _ratings.rated(said)),
        comment=payload.get("note"),
        correction=said if "correct" in name and isinstance(said, (str, dict)) else None,
        user_id=row.get("creator"),
        source_kind="code" if ".runnable." in kind else "human",
        at_ns=nanoseconds(row.get("created_at")),
        key=row.get("id"),
    )


def speaks(span: Span) -> bool:
    return ROW in span.attributes


def fill(span: Span, draft: Draft) -> bool:
    row = mapping(span.attributes[ROW])
    operation = _operation(row)
    if not operation.endswith(_OPS):
        return False
    asked = mapping(row.get("inputs"))
    draft.fill(**request(asked), provider=operation.partition(".")[0])
    if row.get("output") is not None:
        draft.fill(**response(row["output"]))
    used: Json = next(iter(mapping(mapping(row.get("summary")).get("usage")).values()), {})
    draft.fill(usage=tokens(used))
    if row.get("exception"):
        first = text_of(row["exception"]).strip().splitlines()[-1]
        draft.fill(error=CallError(type=first.partition(":")[0][:80] or "error", message=first))
    return True
