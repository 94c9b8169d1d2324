"""Parse session files of Claude Code (`projects/.../SESSION.jsonl`): one line a message or event, linked by `parentUuid`.

A request is an assistant's message, which may stand on several lines; it was asked all that stands above it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.formats._bodies import tokens
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._fates import Passed, aside
from harness.ingest.formats._json import Json, mapping, text_of
from harness.ingest.formats._messages import joined, messages
from harness.types import Call, Source

RANK = 45

_EVENTS = frozenset(["leafUuid", "snapshot", "operation", "customTitle"])
Line = tuple[dict[str, Json], Source]


def claims(record: dict[str, Json]) -> bool:
    spoken = {"uuid", "parentUuid", "sessionId", "type"} <= record.keys()
    return spoken or (record.get("type") in _SILENT and not _EVENTS.isdisjoint(record))


_SILENT = ("summary", "file-history-snapshot", "queue-operation", "custom-title")


def pieces(record: dict[str, Json]) -> Iterator[tuple[str | None, Json]]:
    if "uuid" in record and record["type"] in ("user", "assistant", "system", "attachment"):
        yield text_of(record["sessionId"]), record
    else:
        yield None, Passed("session event")


def join(found: list[Line], options: Mapping[str, Any]) -> Iterator[Call | tuple[str, int]]:
    lines = {text_of(row["uuid"]): (row, source) for row, source in reversed(found)}
    asked: dict[str, list[Line]] = {}
    for row, source in reversed(lines.values()):
        if row["type"] == "assistant":
            said = mapping(row.get("message"))
            asked.setdefault(text_of(said.get("id") or row["uuid"]), []).append((row, source))
    yield aside("message of a session"), len(found) - len(asked)
    for rows in asked.values():
        yield _call(rows, lines)


def _call(rows: list[Line], lines: dict[str, Line]) -> Call:
    first, source = rows[0]
    said = [mapping(row["message"]) for row, _ in rows]
    own = {text_of(row["uuid"]) for row, _ in rows}
    before = [row for row in _above(first, lines) if text_of(row["uuid"]) not in own]
    usage = tokens(said[-1].get("usage"))
    inside = {"input": usage.get("input", 0) + usage.get("cache_read", 0) + usage.get("cache_write", 0)}
    output = joined(messages(said, "assistant"))
    draft = Draft(
        trace_id=text_of(first["sessionId"]),
        session_id=text_of(first["sessionId"]),
        response_id=text_of(said[0].get("id")),
        provider="anthropic",
        model_served=text_of(said[0].get("model")),
        start_ns=nanoseconds(before[-1].get("timestamp")) if before else 0,
        end_ns=nanoseconds(rows[-1][0].get("timestamp")),
        input=_said(before),
        output=output,
        usage={**usage, **inside} if usage else {},
    )
    return draft.call(f"{first['sessionId']}:{draft.response_id or first['uuid']}", source)


def _above(row: dict[str, Json], lines: dict[str, Line]) -> list[dict[str, Json]]:
    """The lines that a line follows, first to last."""
    found: list[dict[str, Json]] = []
    seen = {text_of(row["uuid"])}
    while (above := text_of(row.get("parentUuid"))) in lines and above not in seen:
        seen.add(above)
        row = lines[above][0]
        found.append(row)
    return found[::-1]


def _said(rows: list[dict[str, Json]]) -> Any:
    """The messages of lines; those of one assistant's message as one."""
    held: list[tuple[str, list[Json]]] = []
    for row in rows:
        said = mapping(row.get("message"))
        id = text_of(said.get("id")) if row["type"] == "assistant" else ""
        if held and id and held[-1][0] == id:
            held[-1][1].append(said)
        elif said:
            held.append((id, [said]))
    return tuple(made for id, group in held for made in (joined(messages(group)) if id else messages(group)))
