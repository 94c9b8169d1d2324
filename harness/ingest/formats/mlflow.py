"""Parse MLflow traces, version 2 and 3: `Trace.to_json`, rows of `search_traces`, and its spans in OTLP."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.barrier import Bad, each
from harness.ingest.formats import _ratings, _trace
from harness.ingest.formats._bodies import params, request, response, tokens
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import Json, listing, mapping, parsed, text_of
from harness.ingest.formats._messages import reasoned
from harness.ingest.formats._otlp import Event, Log, Span, identity
from harness.ingest.formats._rows import evaluation
from harness.ingest.formats._streams import put_together
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


def pieces(record: dict[str, Json]) -> Iterator[tuple[str | None, Piece | Bad]]:
    trace = mapping(record.get("trace")) or record
    info = mapping(trace.get("info")) or trace
    raw = listing(mapping(trace.get("data")).get("spans", trace.get("spans")))
    spans = list(each(raw, lambda item: [_span(mapping(item), _resource(info))]))
    named = next((span.trace_id for span in spans if isinstance(span, Span)), "")
    trace_id = named or _bare(info.get("trace_id") or info.get("request_id"))
    for span in spans:
        yield (trace_id, _trace.lean(span)) if isinstance(span, Span) else span
    yield from each(listing(info.get("assessments")), lambda item: [(trace_id, _assessment(mapping(item), trace_id))])


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
    given, name = mapping(raw.get("feedback")), text_of(raw.get("assessment_name") or raw.get("name"))
    answers = str(given.get("value")).lower() in (
        "true",
        "false",
        "yes",
        "no",
    )  # its judges answer so, and yes is right
    ends = _ratings.ends(given.get("metadata")) or _ratings.ends(raw.get("metadata"))
    if expected.get("serialized_value"):
        expected = {"value": parsed(mapping(expected["serialized_value"]).get("value"))}
    return evaluation(
        trace_id,
        identity(text_of(raw.get("span_id")), 8),
        name,
        **_ratings.rated(given.get("value"), mapping(raw.get("metadata")).get("label")),
        **_ratings.expected(name, expected.get("value")),
        comment=raw.get("rationale"),
        user_id=source.get("source_id"),
        source_kind=_KINDS.get(text_of(source.get("source_type")).upper()),
        at_ns=nanoseconds(raw.get("create_time") or raw.get("create_time_ms")),
        key=raw.get("assessment_id"),
        changed_ns=nanoseconds(raw.get("last_update_time") or raw.get("last_update_time_ms")),
        overrides=raw.get("overrides"),
        withdrawn=raw.get("valid") is False,
        scale=_ratings.scale(name, usually="high" if answers else "", **ends),
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
    return put_together(event.attributes.get("mlflow.chunk.value") for event in events if event.name.startswith(_CHUNK))
