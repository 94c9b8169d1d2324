"""Parse plain feedback: one object or row a record, with an id to find the call by, and a rating, comment or correction.

Column names may be in camelCase or snake_case; `_COLUMNS` lists those that are known.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from harness.core.codec import digest
from harness.ingest.formats import _ratings
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import feedback
from harness.ingest.formats._json import Json, parsed, text_of
from harness.types import Feedback, Source

RANK = 90
CALLS = False

_COLUMNS = {
    "call_id": ("call_id",),
    "trace_id": ("trace_id",),
    "span_id": ("span_id", "observation_id"),
    "response_id": ("response_id", "completion_id"),
    "session_id": ("session_id", "conversation_id", "thread_id", "chat_id"),
    "value": (
        *("value", "score", "rating", "ratings", "stars", "thumb", "thumbs", "thumbs_up", "vote", "reaction", "grade"),
        *("helpful", "is_helpful", "liked", "satisfaction", "csat", "nps"),
    ),
    "label": ("label",),
    "comment": ("comment", "comments", "feedback", "feedback_text", "text", "note", "notes", "reason", "explanation"),
    "correction": (
        *("correction", "corrected", "corrected_output", "corrected_answer", "corrected_response", "expected_output"),
        *("expected_response", "expected_answer", "expected", "ideal", "ideal_response", "ideal_answer"),
        *("better_answer", "suggested_answer", "reference_answer", "ground_truth"),
    ),
    "name": ("name", "key", "metric", "feedback_name"),
    "user_id": ("user_id", "user", "author", "rater", "annotator", "reviewer"),
    "source_kind": ("source_kind", "source_type"),
    "at": ("timestamp", "at", "created_at", "time", "date", "given_at"),
    "changed": ("updated_at", "modified_at", "last_updated_at", "edited_at"),
    "id": ("id", "feedback_id", "event_id"),
    "overrides": ("overrides", "replaces", "supersedes"),
    "withdrawn": ("withdrawn", "deleted", "removed", "retracted", "undone"),
}
"""Field of a record to the columns that may hold it, the first that is there."""
_IDS = ("call_id", "trace_id", "span_id", "response_id", "session_id")
_COMMENTS = ("comment", "comments", "feedback", "feedback_text")
_SAYS = frozenset((*_COLUMNS["value"], *_COLUMNS["label"], *_COLUMNS["correction"], *_COMMENTS))
"""Columns by which feedback is known; a note or a time may stand in any row."""
_PLAIN = frozenset({"value", "score"})
"""Columns that name no rating of their own."""
_NOT = frozenset({"messages", "inputs", "outputs", "input", "output", "spans", "run_type", "events"})
_UPPER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def claims(record: dict[str, Json]) -> bool:
    row = {_snake(name): value for name, value in record.items()}
    found = row.keys()
    named = any(row.get(column) for field in _IDS for column in _COLUMNS[field])
    return named and not _SAYS.isdisjoint(found) and not _NOT & found


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    yield digest(record), record


def join(found: list[tuple[Json, Source]], options: Mapping[str, Any]) -> Iterator[Feedback | tuple[str, int]]:
    record, source = found[0]
    yield "repeated_feedback", len(found) - 1
    row = {_snake(name): value for name, value in record.items()}
    column = {field: _column(row, names) for field, names in _COLUMNS.items()}
    get = {field: row.get(name) for field, name in column.items()}
    ids = {name: text_of(get[name]) for name in _IDS}
    name = text_of(get["name"]) or ("feedback" if column["value"] in _PLAIN else column["value"]) or "feedback"
    rating = _ratings.rated(get["value"], text_of(get["label"]) or None)
    expected = {field: row[field] for field in row if field.startswith("expected_") and not _ratings.is_answer(field)}
    said = (rating["value"], rating["label"], get["comment"], get["correction"], expected)
    yield feedback(
        source,
        **ids,
        **rating,
        user_id=text_of(get["user_id"]),
        name=name,
        comment=text_of(get["comment"]),
        correction=_correction(get["correction"]),
        expectation=expected or None,
        source_kind=text_of(get["source_kind"]),
        at_ns=nanoseconds(get["at"]),
        key=_key(get["id"], ids),
        changed_ns=nanoseconds(get["changed"]) or None,
        overrides=_key(get["overrides"], ids),
        withdrawn=_is_true(get["withdrawn"]) or not any(held not in (None, "", {}) for held in said) or None,
        scale=_ratings.scale(name, **_ratings.ends(row.get("metadata") or row)) or None,
    )


@lru_cache(maxsize=4096)
def _snake(name: str) -> str:
    return re.sub(r"[\s\-.]+", "_", _UPPER.sub("_", name.strip())).lower()


def _column(row: Mapping[str, Json], names: tuple[str, ...]) -> str:
    """The first of the columns that holds something, or that is there at all."""
    held = next((name for name in names if row.get(name) not in (None, "")), "")
    return held or next((name for name in names if name in row), "")


def _key(id: Json, ids: Mapping[str, str]) -> str | None:
    """The record's own id. It may be no more than a row's number, so it counts together with what the record is about."""
    return f"{text_of(id)} on {'/'.join(filter(None, ids.values()))}" if id not in (None, "") else None


def _is_true(value: Json) -> bool:
    return text_of(value).lower() in ("true", "1", "yes")


def _correction(raw: Json) -> Json:
    """A correction as it is; a number from CSV stays text."""
    return raw if isinstance(raw, str) else parsed(raw)
