"""Parse Anthropic's message batches: the results, one a line, and the requests that they answer."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.barrier import Bad, each
from harness.ingest.formats._bodies import request, response
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._fates import aside
from harness.ingest.formats._json import Json, listing, mapping, text_of
from harness.ingest.formats._rows import distinct
from harness.types import Call, CallError, Source

RANK = 55

_RESULTS = ("succeeded", "errored", "canceled", "expired")


def claims(record: dict[str, Json]) -> bool:
    if "requests" in record:  # the body that created the batch
        return any(isinstance(item, dict) and _is_request(item) for item in listing(record["requests"])[:1])
    answered = mapping(record.get("result")).get("type") in _RESULTS
    return "custom_id" in record and (answered or _is_request(record))


def _is_request(record: dict[str, Json]) -> bool:
    return "custom_id" in record and "messages" in mapping(record.get("params"))


def pieces(record: dict[str, Json]) -> Iterator[tuple[str | None, Json | Bad]]:
    yield from each(listing(record["requests"]) if "requests" in record else [record], _row)


def _row(raw: Json) -> Iterator[tuple[str, Json]]:
    row = mapping(raw)
    yield text_of(row["custom_id"]), row


def join(found: list[tuple[Json, Source]], options: Mapping[str, Any]) -> Iterator[Call | tuple[str, int]]:
    once = distinct(found)
    asked = [mapping(row["params"]) for row, _ in once if "params" in row]
    answered = [(mapping(row["result"]), source) for row, source in once if "result" in row]
    told = answered or [({}, once[0][1])]
    yield "repeated_calls", len(found) - len(once)
    yield aside("part of a call"), len(once) - len(told)
    name = text_of(once[0][0]["custom_id"])
    for result, source in told:
        yield _call(name, asked[0] if len(asked) == 1 else {}, result, source)


def _call(name: str, asked: dict[str, Json], result: dict[str, Json], source: Source) -> Call:
    body = mapping(result.get("message"))
    draft = Draft(provider="anthropic").fill(**request(asked)).fill(**response(body) if body else {})
    failure = mapping(result.get("error"))
    if result.get("type") in _RESULTS[1:]:
        inner = mapping(failure.get("error")) or failure
        draft.error = CallError(
            type=text_of(inner.get("type") or result["type"]), message=text_of(inner.get("message"))
        )
    # A custom id is unique within one batch only, so the id of the answer goes before it.
    return draft.call(draft.response_id or f"batch:{name}", source)
