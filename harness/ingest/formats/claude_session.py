"""Parse session files of Claude Code (`projects/.../SESSION.jsonl`): one line a message or event, linked by `parentUuid`.

A request is an assistant's message, which may stand on several lines; it was asked all that stands above it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.ingest.formats._bodies import tokens
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._fates import Passed, aside
from harness.ingest.formats._history import LONGEST
from harness.ingest.formats._json import Json, mapping, text_of
from harness.ingest.formats._messages import joined, messages
from harness.types import Call, Message, Source

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
    read: Read = {}
    for rows in asked.values():
        yield _call(rows, lines, read)


Read = dict[tuple[str, int], tuple[Message, ...]]
"""Messages of lines that were read before, by the first of these lines and their number: every later call repeats them."""


def _call(rows: list[Line], lines: dict[str, Line], read: Read) -> Call:
    first, source = rows[0]
    said = [mapping(row["message"]) for row, _ in rows]
    own = {text_of(row["uuid"]) for row, _ in rows}
    above = _above(first, lines)
    before = [row for row in above[-LONGEST:] if text_of(row["uuid"]) not in own]
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
        input=_said(before, read),
        output=output,
        usage={**usage, **inside} if usage else {},
        flags={"truncated"} if len(above) > LONGEST else set(),
    )
    return draft.call(f"{first['sessionId']}:{draft.response_id or first['uuid']}", source)


def _above(row: dict[str, Json], lines: dict[str, Line]) -> list[dict[str, Json]]:
    """The lines that a line follows, first to last; of very many the last ones."""
    found: list[dict[str, Json]] = []
    seen = {text_of(row["uuid"])}
    while len(found) <= LONGEST and (above := text_of(row.get("parentUuid"))) in lines and above not in seen:
        seen.add(above)
        row = lines[above][0]
        found.append(row)
    return found[::-1]


def _said(rows: list[dict[str, Json]], read: Read) -> tuple[Message, ...]:
    """The messages of lines; those of one assistant's message as one."""
    held: list[tuple[str, str, list[Json]]] = []
    for row in rows:
        said = mapping(row.get("message"))
        id = text_of(said.get("id")) if row["type"] == "assistant" else ""
        if held and id and held[-1][0] == id:
            held[-1][2].append(said)
        elif said:
            held.append((id, text_of(row["uuid"]), [said]))
    made: list[Message] = []
    for id, first, group in held:
        known = first, len(group)
        if known not in read:
            read[known] = joined(messages(group)) if id else messages(group)
        made += read[known]
    return tuple(made)
