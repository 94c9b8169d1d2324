"""Parse tasks exported from Label Studio (`JSON` and `JSON_MIN`): choices and ratings as feedback, texts as corrections.

A text area whose name says that it holds the right answer (`answer`, `corrected_response`) is a correction, or the only one
that rewrites the answer that the task shows; any other is a comment. Predictions, skipped and unfinished annotations are
nobody's word.

Source: Label Studio's task format, and the values of its Choices, TextArea, Rating and Number tags.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.core.codec import digest
from harness.ingest.formats import _ratings
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import feedback
from harness.ingest.formats._fates import INNER, aside
from harness.ingest.formats._json import Json, listing, mapping, text_of
from harness.ingest.formats._reviewed import answer_in, corrects, linked
from harness.ingest.formats._rows import distinct as rows_of
from harness.types import Feedback, Source

RANK = 40
CALLS = False

_MIN = frozenset(["annotation_id", "annotator", "lead_time"])
_OWN = _MIN | {"id", "created_at", "updated_at", "file_upload", "meta", "inner_id", "project"}
LABEL_WORDS = 3
"""Words of a column of `JSON_MIN` up to which it is a choice; a longer one is data or a text."""


def claims(record: dict[str, Json]) -> bool:
    whole = isinstance(record.get("data"), dict) and isinstance(record.get("annotations"), list)
    return (whole and all("result" in mapping(item) for item in record["annotations"])) or record.keys() >= _MIN


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    yield f"{text_of(record.get('project'))} {text_of(record.get('id')) or digest(record)}", record


def join(found: list[tuple[Json, Source]], options: Mapping[str, Any]) -> Iterator[Feedback | tuple[str, int]]:
    distinct = rows_of(found)
    yield "repeated_feedback", len(found) - len(distinct)
    made = silent = 0
    for record, source in distinct:
        given = list(_given(record, source))
        made, silent = made + len(given), silent + (not given)
        yield from given
    yield INNER, made + silent - len(distinct)
    yield aside("task without an annotation"), silent


def _given(record: dict[str, Json], source: Source) -> Iterator[Feedback]:
    if "annotations" not in record:
        yield from _minimal(record, source)
        return
    data, meta = mapping(record["data"]), mapping(record.get("meta"))
    ids = linked(data, meta, mapping(data.get("metadata")), own=record.get("id"))
    for annotation in map(mapping, record["annotations"]):
        if annotation.get("was_cancelled"):
            continue
        answers = _answers(annotation)
        texts = {name: value for name, (value, kind) in answers.items() if kind == "textarea"}
        fixes = corrects(texts, [answer_in(data)], typed=True)
        for name, (value, kind) in answers.items():
            said: dict[str, Any] = {"comment": value} if kind == "textarea" else _ratings.rated(value)
            yield feedback(
                source,
                **ids,
                **({"correction": value} if name == fixes else said),
                name=name,
                user_id=_person(annotation.get("completed_by")),
                source_kind="human",
                key=f"{text_of(annotation.get('id')) or digest(annotation)} {name}",
                at_ns=nanoseconds(annotation.get("created_at")),
                changed_ns=nanoseconds(annotation.get("updated_at")) or None,
            )


def _answers(annotation: dict[str, Json]) -> dict[str, tuple[Json, str]]:
    """Control to its answer and kind: choices, textarea, rating or number; other controls mark places in texts."""
    found: dict[str, tuple[Json, str]] = {}
    for result in map(mapping, listing(annotation.get("result"))):
        kind, value = text_of(result.get("type")), mapping(result.get("value"))
        held = value.get("text" if kind == "textarea" else kind)
        if kind in ("choices", "textarea", "rating", "number") and held not in (None, "", []):
            joined = "\n".join(map(text_of, held)) if isinstance(held, list) else held
            found[text_of(result.get("from_name"))] = (joined, kind)
    return found


def _minimal(record: dict[str, Json], source: Source) -> Iterator[Feedback]:
    """Of `JSON_MIN`, in which data and answers are columns of one row."""
    columns = {name: _value(value) for name, value in record.items() if name not in _OWN}
    ids = linked(columns, mapping(record.get("meta")), own=record.get("id"))
    answers = {name: value for name, value in columns.items() if value not in (None, "", *ids.values())}
    fixes = corrects({name: value for name, value in answers.items() if name not in _SHOWN}, [answer_in(columns)])
    for name, value in answers.items():
        short = not isinstance(value, str) or len(value.split()) <= LABEL_WORDS
        if name != fixes and (not short or name in _SHOWN):
            continue
        yield feedback(
            source,
            **ids,
            **({"correction": value} if name == fixes else _ratings.rated(value)),
            name=name,
            user_id=_person(record["annotator"]),
            source_kind="human",
            key=f"{text_of(record['annotation_id'])} {name}",
            at_ns=nanoseconds(record.get("created_at")),
            changed_ns=nanoseconds(record.get("updated_at")) or None,
        )


_SHOWN = frozenset(["text", "prompt", "input", "question", "message", "dialogs", "response", "answer", "output"])
"""Columns that are what the task showed, whatever they hold."""


def _value(held: Json) -> Json:
    """The answer of a column: `{"choices": [...]}`, a list with one item, or a plain value."""
    if isinstance(held, dict):
        held = next((held[kind] for kind in ("choices", "text", "rating", "number") if kind in held), None)
    if isinstance(held, list):
        plain = all(isinstance(item, (str, int, float)) for item in held)
        return "\n".join(map(text_of, held)) if plain else None
    return held


def _person(raw: Json) -> str:
    """Who annotated: an id, an address, or a map that has both."""
    held = mapping(raw)
    return text_of(held.get("email") or held.get("id")) if held else text_of(raw)
