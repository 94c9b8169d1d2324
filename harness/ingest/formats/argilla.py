"""Parse records exported from Argilla (`records.to_json`, `to_list(flatten=True)`, and feedback datasets of Argilla 1).

What a person answered counts, never a suggestion, which is a model's or the answer that was shown. A text that answers a
question is a correction where the question's name says so (`corrected_response`, `expected_answer`), or where it is the only
text that changes what a suggestion, or the field that holds the answer, said.

Source: the fields of `Record.to_dict` (Argilla 2) and of `FeedbackRecord` (Argilla 1).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.core.codec import digest
from harness.ingest.formats import _ratings
from harness.ingest.formats._clock import nanoseconds
from harness.ingest.formats._draft import feedback
from harness.ingest.formats._fates import INNER, aside
from harness.ingest.formats._json import Json, listing, mapping, parsed, text_of
from harness.ingest.formats._reviewed import answer_in, corrects, linked
from harness.ingest.formats._rows import distinct as rows_of
from harness.types import Feedback, Source

RANK = 40
CALLS = False

_RESPONSES, _SUGGESTION, _USERS, _STATUS = ".responses", ".suggestion", ".users", ".status"


def claims(record: dict[str, Json]) -> bool:
    whole = isinstance(record.get("fields"), dict) and {"responses", "suggestions"} & record.keys()
    flat = any(name.endswith(_RESPONSES) for name in record) and any(
        name.endswith(_RESPONSES + _USERS) for name in record
    )
    return bool(whole) or flat


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    yield text_of(record.get("_server_id") or record.get("id") or record.get("external_id")) or digest(record), record


def join(found: list[tuple[Json, Source]], options: Mapping[str, Any]) -> Iterator[Feedback | tuple[str, int]]:
    distinct = rows_of(found)
    yield "repeated_feedback", len(found) - len(distinct)
    made = 0
    silent = 0
    for record, source in distinct:
        whole = record if isinstance(record.get("fields"), dict) else _unflattened(record)
        given = list(_given(whole, source))
        made, silent = made + len(given), silent + (not given)
        yield from given
    yield INNER, made + silent - len(distinct)
    yield aside("record without a response"), silent


def _given(record: dict[str, Json], source: Source) -> Iterator[Feedback]:
    """The feedback of each person on each question."""
    fields, suggested = mapping(record["fields"]), _suggested(record.get("suggestions"))
    metadata = mapping(parsed(record.get("metadata")))
    ids = linked(metadata, record, fields, own=record.get("id") or record.get("external_id"))
    for user, answers, at in _answers(record.get("responses")):
        shown = [text for text in (*suggested.values(), answer_in(fields)) if isinstance(text, str)]
        fixes = corrects(answers, shown)
        for name, value in answers.items():
            said = {"correction": value} if name == fixes else _ratings.rated(_plain(value))
            if name != fixes and isinstance(value, str) and len(value.split()) > 3:
                said = {"comment": value}
            yield feedback(
                source,
                **ids,
                **said,
                name=name,
                user_id=user,
                source_kind="human",
                key=f"{text_of(record.get('_server_id') or record.get('id')) or digest(fields)} {name} {user}",
                changed_ns=nanoseconds(at) or None,
            )


def _answers(raw: Json) -> Iterator[tuple[str, dict[str, Json], Json]]:
    """Who answered, question to answer, and when: of submitted responses only. Both generations."""
    if isinstance(raw, list):  # Argilla 1: a response a person
        for response in map(mapping, raw):
            values = {name: mapping(held).get("value", held) for name, held in mapping(response.get("values")).items()}
            if response.get("status", "submitted") == "submitted" and values:
                yield (
                    text_of(response.get("user_id")),
                    values,
                    response.get("updated_at") or response.get("inserted_at"),
                )
        return
    by_user: dict[str, dict[str, Json]] = {}
    for name, given in mapping(raw).items():
        for answer in map(mapping, listing(given)):
            if answer.get("status", "submitted") == "submitted" and answer.get("value") not in (None, ""):
                by_user.setdefault(text_of(answer.get("user_id")), {})[name] = answer["value"]
    for user, values in by_user.items():
        yield user, values, None


def _suggested(raw: Json) -> dict[str, Json]:
    if isinstance(raw, list):
        return {text_of(mapping(item).get("question_name")): mapping(item).get("value") for item in raw}
    return {name: mapping(held).get("value", held) for name, held in mapping(raw).items()}


def _plain(value: Json) -> Json:
    """The one label of a list; a ranking or several labels as text."""
    if isinstance(value, list) and len(value) == 1:
        return _plain(value[0])
    return value if isinstance(value, (str, int, float, bool)) else text_of(value)


def _unflattened(record: dict[str, Json]) -> dict[str, Json]:
    """A flat row, whose columns are `QUESTION.responses`, `QUESTION.responses.users`, `QUESTION.suggestion` and the fields."""
    responses: dict[str, Json] = {}
    for column in [name for name in record if name.endswith(_RESPONSES)]:
        values, users = listing(record[column]), listing(record.get(column + _USERS))
        states = listing(record.get(column + _STATUS))
        responses[column.removesuffix(_RESPONSES)] = [
            {
                "value": value,
                "user_id": users[at] if at < len(users) else "",
                "status": states[at] if at < len(states) else "submitted",
            }
            for at, value in enumerate(values)
        ]
    suggestions = {name.removesuffix(_SUGGESTION): held for name, held in record.items() if name.endswith(_SUGGESTION)}
    fields = {
        name: held for name, held in record.items() if "." not in name and name not in ("id", "_server_id", "status")
    }
    metadata = {name.removeprefix("metadata."): held for name, held in record.items() if name.startswith("metadata.")}
    return {
        **record,
        "fields": fields,
        "metadata": {**fields, **metadata},
        "responses": responses,
        "suggestions": suggestions,
    }
