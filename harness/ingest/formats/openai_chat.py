"""Parse chat conversations of fine-tuning files: `{"messages": [...], "tools"?}`, the last answer the output."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.core.codec import digest
from harness.ingest.formats._bodies import params
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._json import Json, listing, text_of
from harness.ingest.formats._messages import messages
from harness.ingest.formats._rows import distinct
from harness.types import Call, Source

RANK = 99


def claims(record: dict[str, Json]) -> bool:
    said = record.get("messages")
    return isinstance(said, list) and bool(said) and all(isinstance(item, dict) and "role" in item for item in said)


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    yield text_of(record.get("id")) or digest(record), record


def join(found: list[tuple[Json, Source]], options: Mapping[str, Any]) -> Iterator[Call | tuple[str, int]]:
    once = distinct(found)
    yield "repeated_calls", len(found) - len(once)
    for record, source in once:
        yield _call(record, source)


def _call(record: dict[str, Json], source: Source) -> Call:
    said = messages(record["messages"])
    answered = bool(said) and said[-1].role == "assistant"
    draft = Draft(
        input=said[:-1] if answered else said,
        output=said[-1:] if answered else (),
        tools=tuple(listing(record.get("tools"))),
        params=params(record),
        model_requested=text_of(record.get("model")),
        session_id=text_of(record.get("session_id")),
        user_id=text_of(record.get("user_id") or record.get("user")),
        response_format=record.get("response_format"),
    )
    if isinstance(record.get("metadata"), dict):
        draft.metadata = record["metadata"]
    return draft.call(text_of(record.get("id")) or digest(record), source)
