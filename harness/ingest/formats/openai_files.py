"""Parse files of the OpenAI platform: batches, stored completions, preference pairs, request and response logs."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.core.codec import digest
from harness.core.replies import written
from harness.ingest.barrier import Bad, each
from harness.ingest.formats._bodies import params, request, response
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft, feedback
from harness.ingest.formats._fates import INNER, aside
from harness.ingest.formats._json import Json, listing, mapping, parsed, text_of
from harness.ingest.formats._messages import choices, messages
from harness.ingest.formats._rows import context, distinct
from harness.types import Call, CallError, Feedback, Message, Source

RANK = 60

_CALLS = ("chat/completions", "/completions", "/responses")


def claims(record: dict[str, Json]) -> bool:
    keys = record.keys()
    return (
        ("custom_id" in keys and ("response" in keys or {"body", "url"} <= keys))
        or {"input", "preferred_output", "non_preferred_output"} <= keys
        or (isinstance(record.get("request"), dict) and isinstance(record.get("response"), dict))
        or record.get("object") in ("chat.completion", "response")
        or (record.get("object") == "list" and _stored(listing(record.get("data"))))
    )


def _stored(data: list[Json]) -> bool:
    first = mapping(data[0]) if data else {}
    return first.get("object") in ("chat.completion", "response") or {"id", "role", "content"} <= first.keys()


def pieces(record: dict[str, Json]) -> Iterator[tuple[str | None, Json | Bad]]:
    if record.get("object") == "list":
        yield from each(listing(record.get("data")), _stored_row)
    elif "custom_id" in record:
        yield f"batch:{record['custom_id']}", record
    else:
        yield text_of(record.get("id")) or digest(record), record


def _stored_row(raw: Json) -> Iterator[tuple[str, Json]]:
    """A completion, or a message of one, which is named after it: `chatcmpl-...-0`."""
    row = mapping(raw)
    yield text_of(row.get("id")).rpartition("-")[0] if "role" in row else text_of(row.get("id")), row


def join(found: list[tuple[Json, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | tuple[str, int]]:
    once = distinct(found)
    yield "repeated_calls", len(found) - len(once)
    first, source = once[0]
    if "custom_id" in first:
        yield from _batch([row for row, _ in once], source)
    elif "preferred_output" in first:
        yield INNER, len(once)
        for row, place in once:
            yield from _preference(row, place)
    elif "request" in first:
        yield from (_pair(row, place) for row, place in once)
    else:
        yield aside("part of a call"), len(once) - 1
        yield _completion([row for row, _ in once], source)


def _batch(found: list[dict[str, Json]], source: Source) -> Iterator[Call | tuple[str, int]]:
    """A request and its answer, which stand in two files, in any order."""
    asked = next((row for row in found if "body" in row), {})
    answered = next((row for row in found if "response" in row), {})
    outcome = mapping(answered.get("response"))
    body = mapping(outcome.get("body"))
    url = text_of(asked.get("url"))
    is_list = body.get("object") == "list"  # embeddings
    if is_list or (url and not url.endswith(_CALLS)):
        yield aside("embedding" if is_list or "embed" in url else "operation of the service"), len(found)
        return
    yield aside("part of a call"), len(found) - 1
    draft = Draft(operation="text_completion" if body.get("object") == "text_completion" else "")
    draft.fill(**request(asked.get("body")))
    failure = mapping(answered.get("error")) or mapping(body.get("error"))
    if failure or (outcome.get("status_code") or 200) >= 400:
        kind = text_of(failure.get("code") or failure.get("type") or outcome.get("status_code"))
        draft.fill(error=CallError(type=kind, message=text_of(failure.get("message"))))
    elif body:
        draft.fill(**response(body), start_ns=nanoseconds(body.get("created")), end_ns=nanoseconds(body.get("created")))
    yield draft.call(_id(f"batch:{text_of(asked.get('custom_id') or answered.get('custom_id'))}", found), source)


def _id(name: str, found: list[dict[str, Json]]) -> str:
    """A custom id is unique within one batch only, so the id of the answer goes before it."""
    answered = next((text_of(row.get("id")) for row in found if row.get("id")), "")
    return answered or name


def _preference(row: dict[str, Json], source: Source) -> Iterator[Call | Feedback]:
    """A pair is a call with the answer that was not preferred, and its correction; one that calls tools is a message as JSON."""
    chosen = choices(row["preferred_output"])
    draft = Draft(output=choices(row["non_preferred_output"])).fill(**request(row["input"]))
    id = digest(row)
    yield draft.call(id, source)
    wanted = written(chosen[0]) if chosen else ""
    yield feedback(source, call_id=id, name="preference", value=-1, correction=wanted, source_kind="human")


def _pair(row: dict[str, Json], source: Source) -> Call:
    draft = Draft().fill(**request(row["request"])).fill(**response(row["response"]))
    held = context(row, row.get("metadata"))
    draft.fill(session_id=held.get("session.id", ""), user_id=held.get("user.id", ""))
    start = nanoseconds(row.get("timestamp") or row.get("created_at") or mapping(row["response"]).get("created"))
    draft.fill(start_ns=start, end_ns=start)
    failure = mapping(mapping(row["response"]).get("error"))
    if failure:
        draft.fill(
            error=CallError(type=text_of(failure.get("code")) or "error", message=text_of(failure.get("message")))
        )
    return draft.call(text_of(row.get("id")) or draft.response_id or digest(row), source)


def _completion(found: list[dict[str, Json]], source: Source) -> Call:
    """A stored completion and the messages it was asked with, which are a list of their own."""
    said = sorted((row for row in found if "role" in row), key=lambda row: _number(row))
    body = next((row for row in found if "role" not in row), {})
    asked = tuple(made for row in said for made in _said(row))
    draft = Draft(input=asked).fill(**response(body))
    held = context(body.get("metadata"))
    created = nanoseconds(body.get("created") or body.get("created_at"))
    draft.fill(
        input=messages(body.get("input")) if body.get("object") == "response" else (),
        params=params(body),
        tools=tuple(listing(body.get("tools"))),
        response_format=body.get("response_format"),
        session_id=held.get("session.id", ""),
        user_id=held.get("user.id", "") or text_of(body.get("input_user")),
        start_ns=created,
        end_ns=created,
        metadata=mapping(body.get("metadata")),
    )
    id = text_of(body.get("id")) or text_of(said[0].get("id")).rpartition("-")[0]
    return draft.call(id, source)


def _number(row: dict[str, Json]) -> int:
    last = text_of(row.get("id")).rpartition("-")[2]
    return int(last) if last.isdigit() and len(last) < 10 else 0


def _said(row: dict[str, Json]) -> tuple[Message, ...]:
    return messages([{**row, "content": parsed(row.get("content_parts")) or row.get("content"), "id": None}])
