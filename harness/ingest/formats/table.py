"""Parse plain rows (JSON lines, CSV, Parquet) with columns named in trueup.toml, for systems trueup does not know.

[ingest]
format = "table"
options = { columns = { input = "question", output = "answer", correction = "fixed", session_id = "chat" } }
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from harness.core import options as option_tables
from harness.core.codec import digest
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft, feedback
from harness.ingest.formats._json import Json, listing, mapping, number, text_of
from harness.ingest.formats._messages import choices, messages
from harness.types import Call, CallError, Feedback, Noun, Source

RANK = 100


class Columns(Noun, frozen=True, forbid_unknown_fields=True):
    """What a column can be, to its name in the file. Those that are not mapped are found by these very names."""

    id: str = "id"
    trace_id: str = "trace_id"
    span_id: str = "span_id"
    response_id: str = "response_id"
    session_id: str = "session_id"
    user_id: str = "user_id"
    route: str = "route"
    time: str = "time"
    end_time: str = "end_time"
    seconds: str = "seconds"
    provider: str = "provider"
    model: str = "model"
    input: str = "input"
    system: str = "system"
    output: str = "output"
    tools: str = "tools"
    finish_reason: str = "finish_reason"
    error: str = "error"
    value: str = "value"
    label: str = "label"
    comment: str = "comment"
    correction: str = "correction"
    tags: str = "tags"
    metadata: str = "metadata"


class Options(Noun, frozen=True):
    """Its keys under [ingest] options."""

    columns: Columns = Columns()


def claims(record: dict[str, Json]) -> bool:
    """Never by itself: a row with an input and an output is too little to go by."""
    return False


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    yield digest(record), record


def join(found: list[tuple[Json, Source]], options: Mapping[str, Any]) -> Iterator[Call | Feedback | tuple[str, int]]:
    record, source = found[0]
    yield "repeated_calls", len(found) - 1
    row = {name: record.get(column) for name, column in _mapping(options).items()}
    trace, span = text_of(row["trace_id"]), text_of(row["span_id"])
    id = f"{trace}:{span}" if trace and span else text_of(row["id"]) or digest(record)
    yield _draft(row).call(id, source)
    said = {name: row[name] for name in ("value", "label", "comment", "correction")}
    if any(value not in (None, "") for value in said.values()):
        given = feedback(source, call_id=id, user_id=text_of(row["user_id"]), name="feedback", **said)
        yield given


def _mapping(options: Mapping[str, Any]) -> dict[str, str]:
    """Role to column. Raises UsageError for a role that there is not."""
    columns = option_tables.read(options, Options, "[ingest] options").columns
    return msgspec.structs.asdict(columns)


def _draft(row: dict[str, Json]) -> Draft:
    start = nanoseconds(row["time"])
    took = int((number(row["seconds"]) or 0) * 1e9)
    draft = Draft(
        trace_id=text_of(row["trace_id"]),
        span_id=text_of(row["span_id"]),
        response_id=text_of(row["response_id"]),
        session_id=text_of(row["session_id"]),
        user_id=text_of(row["user_id"]),
        route=text_of(row["route"]),
        start_ns=start,
        end_ns=nanoseconds(row["end_time"]) or start + took,
        provider=text_of(row["provider"]),
        model_served=text_of(row["model"]),
        input=(*messages(row["system"], "system"), *messages(row["input"])),
        output=choices(row["output"]),
        tools=tuple(listing(row["tools"])),
        tags=tuple(text_of(tag) for tag in listing(row["tags"])),
        metadata=mapping(row["metadata"]),
    )
    if row["error"]:
        draft.error = CallError(type="error", message=text_of(row["error"]))
    return draft
