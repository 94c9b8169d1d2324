"""Parse Helicone requests, one a row, with their bodies where the export included them."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.formats import _rows, _trace
from harness.ingest.formats._bodies import request, response, tokens
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import Json, listing, mapping, number, parsed, text_of, whole
from harness.ingest.formats._messages import message
from harness.ingest.formats._otlp import Log, Span
from harness.types import Call, CallError, Feedback, Source

RANK, TRUST = 30, 15
Piece = Span | Log
Options = _trace.Options

ROW = "helicone.row"


def claims(record: dict[str, Json]) -> bool:
    keys = next(iter(_rows.rows(record, "data")), {}).keys()
    asked = {"request_body", "signed_body_url"} & keys
    answered = {"response_body", "response_status", "response_id"} & keys
    return bool(asked and answered and {"request_created_at", "request_properties"} & keys)


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Piece]]:
    for row in _rows.rows(record, "data"):
        id = text_of(row.get("request_id"))
        start = nanoseconds(row.get("request_created_at"))
        end = nanoseconds(row.get("response_created_at")) or start + 10**6 * (whole(row.get("delay_ms")) or 0)
        properties = mapping(row.get("request_properties") or row.get("properties"))
        held = _rows.context(properties, {**row, "user_id": row.get("request_user_id") or row.get("helicone_user")})
        route = text_of(row.get("request_path") or properties.get("Helicone-Session-Path"))
        yield id, Span(id, id, name=route, start_ns=start, end_ns=end, attributes={**held, ROW: row}, scope="helicone")
        yield from ((id, log) for log in _feedback(row, id))


def join(found: list[tuple[Piece, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | _trace.Count]:
    return _trace.read(found, options)


def _feedback(row: dict[str, Json], id: str) -> Iterator[Log]:
    at = nanoseconds(row.get("feedback_created_at"))
    rating = row.get("feedback_rating")
    if isinstance(rating, bool):
        label = "thumbs_up" if rating else "thumbs_down"
        yield _rows.evaluation(id, id, "rating", value=float(rating), label=label, source_kind="human", at_ns=at)
    for name, score in mapping(row.get("scores")).items():
        value = mapping(score).get("value") if isinstance(score, dict) else score
        yield _rows.evaluation(id, id, name, value=number(value), at_ns=at)


def speaks(span: Span) -> bool:
    return ROW in span.attributes


def fill(span: Span, draft: Draft) -> bool:
    row = mapping(span.attributes[ROW])
    asked, answered = mapping(row.get("request_body")), parsed(row.get("response_body"))
    if "input" in asked and "mbed" in text_of(row.get("model") or asked.get("model")):
        return False
    draft.fill(**request(asked))
    failure = mapping(mapping(answered).get("error"))
    status = whole(row.get("response_status")) or 200
    if status >= 400 or failure:
        draft.fill(
            error=CallError(type=text_of(failure.get("code") or status), message=text_of(failure.get("message")))
        )
    else:
        draft.fill(**_answer(answered))
    draft.fill(
        provider=text_of(row.get("provider")).lower(),
        model_served=text_of(row.get("model") or row.get("model_override")),
        ttft_s=(number(row.get("time_to_first_token")) or 0) / 1000 or None,
        usage=tokens(row),
        metadata=mapping(row.get("request_properties") or row.get("properties")),
    )
    return True


def _answer(answered: Json) -> dict[str, Json]:
    """What was answered; a stream may stand there as its chunks."""
    chunks = mapping(answered).get("streamed_data")
    if not isinstance(chunks, list):
        return response(answered) if answered else {}
    text, why, last = "", None, dict[str, Json]()
    for chunk in map(mapping, chunks):
        last = {**last, **{name: value for name, value in chunk.items() if value}}
        for choice in map(mapping, listing(chunk.get("choices"))):
            text += text_of(mapping(choice.get("delta")).get("content"))
            why = choice.get("finish_reason") or why
    said = message({"role": "assistant", "content": text, "finish_reason": why})
    return {**response({**last, "choices": None}), "output": (said,) if said else ()}
