"""Parse LiteLLM's standard logging payloads (S3, GCS, generic loggers) and rows of its spend log."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.formats import _rows, _trace
from harness.ingest.formats._bodies import params, response, tokens
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import Json, listing, mapping, parsed, text_of
from harness.ingest.formats._messages import messages
from harness.ingest.formats._otlp import Log, Span
from harness.types import Call, CallError, Feedback, Source

RANK, TRUST = 30, 15
Piece = Span | Log
Options = _trace.Options

ROW = "litellm.payload"
_CALLS = ("completion", "responses", "anthropic_messages", "generate_content")


def claims(record: dict[str, Json]) -> bool:
    keys = record.keys()
    payload = {"call_type", "messages"} <= keys and bool({"hidden_params", "model_parameters"} & keys)
    return payload or {"request_id", "call_type", "spend"} <= keys


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Piece]]:
    id = text_of(record.get("litellm_call_id") or record.get("id") or record.get("request_id"))
    # The payload's trace_id is the caller's session where there is one, so it cannot tell calls apart.
    session = record.get("session_id") or record.get("trace_id")
    held = _rows.context({**record, "session_id": session}, record.get("model_parameters"), record.get("metadata"))
    span = Span(
        trace_id=id,
        span_id=id,
        start_ns=nanoseconds(record.get("startTime")),
        end_ns=nanoseconds(record.get("endTime")),
        attributes={**held, ROW: record},
        scope="litellm",
    )
    yield id, span


def join(found: list[tuple[Piece, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | _trace.Count]:
    return _trace.read(found, options)


def speaks(span: Span) -> bool:
    return ROW in span.attributes


def _is_said(asked: Json) -> bool:
    return asked not in ({}, None, "", "None")


def fill(span: Span, draft: Draft) -> bool:
    row = mapping(span.attributes[ROW])
    if not text_of(row.get("call_type")).removeprefix("a").endswith(_CALLS):
        return False
    asked, sent = parsed(row.get("messages")), mapping(row.get("model_parameters"))
    answered = parsed(row.get("response"))
    said = {} if answered in ({}, None, "None") else response(answered)
    draft.fill(
        input=messages({"messages": asked, "instructions": sent.get("instructions")}) if _is_said(asked) else (),
        operation="text_completion" if "text_completion" in text_of(row.get("call_type")) else "chat",
        provider=text_of(row.get("custom_llm_provider")),
        model_requested=text_of(row.get("model")),
        params={**params(sent), **({"stream": True} if row.get("stream") else {})},
        tools=tuple(listing(sent.get("tools"))),
        response_format=sent.get("response_format"),
        usage=tokens(row),
        user_id=text_of(sent.get("user") or row.get("user")),
    )
    draft.fill(**said)
    first, start = nanoseconds(row.get("completionStartTime")), span.start_ns
    if row.get("stream") and first >= start > 0:
        draft.fill(ttft_s=(first - start) / 1e9)
    if row.get("status") == "failure":
        told = mapping(row.get("error_information"))
        kind = text_of(told.get("error_class")) or "error"
        draft.fill(error=CallError(type=kind, message=text_of(row.get("error_str") or told.get("error_message"))))
    return True
