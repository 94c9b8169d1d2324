"""Parse MLflow traces, version 2 and 3: `Trace.to_json`, rows of `search_traces`, and its spans in OTLP."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.formats import _trace
from harness.ingest.formats._bodies import params, request, response, tokens
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import Json, listing, mapping, parsed, text_of
from harness.ingest.formats._messages import reasoned
from harness.ingest.formats._otlp import Event, Log, Span, identity
from harness.ingest.formats._rows import evaluation
from harness.types import Call, Feedback, Source

RANK, TRUST = 20, 20
Piece = Span | Log
Options = _trace.Options

_CHUNK = "mlflow.chunk.item."
_KINDS = {"HUMAN": "human", "LLM_JUDGE": "judge", "CODE": "code"}


def claims(record: dict[str, Json]) -> bool:
    keys = record.keys()
    if isinstance(record.get("info"), dict) and "spans" in mapping(record.get("data")):
        return True
    named = "spans" in keys and bool({"trace_id", "request_id"} & keys)
    return named and bool(
        {"assessments", "execution_duration", "execution_time_ms"} & keys and {"state", "status"} & keys
    )


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Piece]]:
    trace = mapping(record.get("trace")) or record
    info = mapping(trace.get("info")) or trace
    raw = listing(mapping(trace.get("data")).get("spans", trace.get("spans")))
    spans = [_span(item, _resource(info)) for item in map(mapping, raw)]
    trace_id = spans[0].trace_id if spans else _bare(info.get("trace_id") or info.get("request_id"))
    for span in spans:
        yield trace_id, _trace.lean(span)
    for item in map(mapping, listing(info.get("assessments"))):
        if item.get("valid") is not False:
            yield trace_id, _assessment(item, trace_id)


def join(found: list[tuple[Piece, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | _trace.Count]:
    return _trace.read(found, options)


def _bare(trace_id: Json) -> str:
    return text_of(trace_id).removeprefix("tr-")


def _resource(info: dict[str, Json]) -> dict[str, Json]:
    held = mapping(info.get("trace_metadata")) or mapping(info.get("request_metadata"))
    named = {"session.id": held.get("mlflow.trace.session"), "user.id": held.get("mlflow.trace.user")}
    return {name: value for name, value in named.items() if value}


def _span(raw: dict[str, Json], resource: dict[str, Json]) -> Span:
    status = raw.get("status") or raw.get("status_code")
    code = text_of(status.get("code") if isinstance(status, dict) else status)
    held = {name: parsed(value) for name, value in mapping(raw.get("attributes")).items()}
    context = mapping(raw.get("context"))
    trace_id = raw.get("trace_id") or context.get("trace_id") or held.get("mlflow.traceRequestId")
    return Span(
        trace_id=identity(_bare(trace_id), 16),
        span_id=identity(text_of(raw.get("span_id") or context.get("span_id")).removeprefix("0x"), 8),
        parent_id=identity(text_of(raw.get("parent_span_id") or raw.get("parent_id")).removeprefix("0x"), 8),
        name=text_of(raw.get("name")),
        start_ns=nanoseconds(raw.get("start_time_unix_nano") or raw.get("start_time")),
        end_ns=nanoseconds(raw.get("end_time_unix_nano") or raw.get("end_time")),
        failed="ERROR" in code,
        status=text_of(mapping(status).get("message")),
        attributes=held,
        events=[_event(item) for item in map(mapping, listing(raw.get("events")))],
        resource=resource,
    )


def _event(raw: dict[str, Json]) -> Event:
    at = nanoseconds(raw.get("time_unix_nano") or raw.get("timestamp"))
    return Event(text_of(raw.get("name")), at, mapping(raw.get("attributes")))


def _assessment(raw: dict[str, Json], trace_id: str) -> Log:
    source, expected = mapping(raw.get("source")), mapping(raw.get("expectation"))
    value = mapping(raw.get("feedback")).get("value")
    if expected.get("serialized_value"):
        expected = {"value": parsed(mapping(expected["serialized_value"]).get("value"))}
    return evaluation(
        trace_id,
        identity(text_of(raw.get("span_id")), 8),
        raw.get("assessment_name") or raw.get("name"),
        value=float(value) if isinstance(value, bool) else value,
        label=mapping(raw.get("metadata")).get("label") or (str(value).lower() if isinstance(value, bool) else None),
        comment=raw.get("rationale"),
        correction=expected.get("value"),
        user_id=source.get("source_id"),
        source_kind=_KINDS.get(text_of(source.get("source_type")).upper()),
        at_ns=nanoseconds(raw.get("create_time") or raw.get("create_time_ms")),
    )


def speaks(span: Span) -> bool:
    return "mlflow.spanType" in span.attributes


def fill(span: Span, draft: Draft) -> bool:
    held = {name: parsed(value) for name, value in span.attributes.items()}
    if held.get("mlflow.spanType") not in ("CHAT_MODEL", "LLM"):
        return False
    draft.fill(**request(held.get("mlflow.spanInputs")))
    draft.fill(**response(held.get("mlflow.spanOutputs")))
    streamed = _streamed(span.events)
    if streamed:
        told = response(streamed)
        if not any(said.parts for said in draft.output) and not span.failed:
            draft.output = told["output"]
        draft.fill(**{**told, "output": ()})
        draft.output = reasoned(draft.output, [said.finish_reason for said in told["output"]])
    draft.fill(
        model_served=text_of(held.get("mlflow.llm.model")),
        params=params(held),
        tools=tuple(listing(held.get("mlflow.chat.tools"))),
        usage=tokens(held.get("mlflow.chat.tokenUsage")),
    )
    return True


def _streamed(events: list[Event]) -> dict[str, Json]:
    """The response put together from its stream, of which MLflow itself may keep no more than the text."""
    body: dict[str, Json] = {}
    text, calls, why = "", dict[int, dict[str, Json]](), None
    for event in events:
        chunk = mapping(event.attributes.get("mlflow.chunk.value")) if event.name.startswith(_CHUNK) else {}
        body |= {name: chunk[name] for name in ("id", "model", "usage") if chunk.get(name)}
        for choice in map(mapping, listing(chunk.get("choices"))[:1]):
            delta = mapping(choice.get("delta"))
            text, why = text + text_of(delta.get("content")), choice.get("finish_reason") or why
            for call in map(mapping, listing(delta.get("tool_calls"))):
                _add(call, calls.setdefault(int(call.get("index") or 0), {}))
    said = {"role": "assistant", "content": text, "tool_calls": list(calls.values())}
    return {**body, "choices": [{"message": said, "finish_reason": why}]} if text or calls else {}


def _add(piece: dict[str, Json], call: dict[str, Json]) -> None:
    """A piece of a tool call to what is known of it."""
    function = mapping(piece.get("function"))
    call["id"] = call.get("id") or piece.get("id")
    call["name"] = call.get("name") or function.get("name")
    call["arguments"] = text_of(call.get("arguments")) + text_of(function.get("arguments"))
