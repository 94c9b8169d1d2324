"""Parse Helicone requests, one a row, with their bodies where the export included them."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.formats import _ratings, _rows, _trace
from harness.ingest.formats._bodies import request, response, tokens
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import Json, mapping, number, parsed, text_of, whole
from harness.ingest.formats._otlp import Log, Span
from harness.ingest.formats._streams import put_together
from harness.types import Call, CallError, Feedback, Source

RANK, TRUST, PAGES = 30, 15, ("data",)
Piece = Span | Log
Options = _trace.Options

ROW = "helicone.row"


def claims(record: dict[str, Json]) -> bool:
    keys = next(iter(_rows.rows(record, "data")), {}).keys()
    asked = {"request_body", "signed_body_url"} & keys
    answered = {"response_body", "response_status", "response_id"} & keys
    return bool(asked and answered and {"request_created_at", "request_properties"} & keys)


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Piece]]:
    id = text_of(record.get("request_id"))
    start = nanoseconds(record.get("request_created_at"))
    end = nanoseconds(record.get("response_created_at")) or start + 10**6 * (whole(record.get("delay_ms")) or 0)
    properties = mapping(record.get("request_properties") or record.get("properties"))
    user = record.get("request_user_id") or record.get("helicone_user")
    held = _rows.context(properties, {**record, "user_id": user})
    route = text_of(record.get("request_path") or properties.get("Helicone-Session-Path"))
    yield id, Span(id, id, name=route, start_ns=start, end_ns=end, attributes={**held, ROW: record}, scope="helicone")
    yield from ((id, log) for log in _feedback(record, id))


def join(found: list[tuple[Piece, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | _trace.Count]:
    return _trace.read(found, options)


def _feedback(row: dict[str, Json], id: str) -> Iterator[Log]:
    at = nanoseconds(row.get("feedback_created_at"))
    rating, key = row.get("feedback_rating"), row.get("feedback_id")
    if isinstance(rating, bool):
        label = "thumbs_up" if rating else "thumbs_down"
        yield _rows.evaluation(
            id, id, "rating", value=float(rating), label=label, source_kind="human", at_ns=at, key=key
        )
    for name, score in mapping(row.get("scores")).items():
        value = mapping(score).get("value") if isinstance(score, dict) else score
        yield _rows.evaluation(id, id, name, **_ratings.rated(value), at_ns=at)


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
    return response(put_together(chunks) if isinstance(chunks, list) else answered) if answered else {}
