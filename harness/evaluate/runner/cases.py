"""Turn rows of a file, a mined split or Python into `Case`s with stable ids.

A row may hold `id`, the conversation (`messages`, or `text` or `input` for a single user message), `expected`, and any
other columns, which become `case["column"]`. What a row says is data: nothing in it is run or looked up.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from harness.core.codec import digest, from_chat
from harness.core.conversations import unfolded
from harness.errors import InputError, UsageError
from harness.evaluate.runner.case_files import Located, checker, read_file, read_jsonl
from harness.evaluate.suites import MinedSplit, Source
from harness.types import Case, Message, TextPart

OWN = frozenset(Case.__struct_fields__) - {
    "messages",
    "target",
    "fields",
    "id",
    "tags",
    "tools",
    "turns",
    "first_wrong",
}
WORDS = OWN - {"expected"}
CONVERSATION = ("messages", "text", "input")
ID_DIGITS = 12


def load_cases(
    source: Source, *, id: str = "", split: str = "", schema: Any = None, folder: Path, datasets: Mapping[str, str]
) -> tuple[Case, ...]:
    """The cases of one `@cases(...)`.

    `folder` is the eval file's; `datasets` maps names of mined datasets to their folders; `split` and `schema` are those
    of `@cases`. Raises InputError naming file and line of a row that cannot be a case, breaks the schema, or whose id
    was there before, and UsageError for an unknown dataset or kind of file.
    """
    cases: dict[str, Case] = {}
    places: dict[str, str] = {}
    check = checker(schema)
    for place, row in _rows(source, split, folder, datasets):
        try:
            check(row)
            case = to_case(row, id)
        except InputError as error:
            raise InputError(error.what, where=place, next=error.next) from error
        if case.id in cases:
            raise InputError(
                f"the case id {case.id!r} is not unique: it is also at {places[case.id]}",
                where=place,
                next="give each row its own `id`",
            )
        cases[case.id], places[case.id] = case, place
    return tuple(cases.values())


def to_case(row: Any, id: str = "") -> Case:
    """One row as a case. Without an id of its own it gets the digest of its content, so it keeps it when rows move."""
    if isinstance(row, Case):
        return row if row.id else replace(row, id=digest(row)[:ID_DIGITS])
    if not isinstance(row, Mapping):
        raise InputError(
            f"a case is a JSON object, not {type(row).__name__}", next='write {"text": ..., "expected": ...}'
        )
    column = id or "id"
    if id and row.get(id) in (None, ""):
        raise InputError(
            f"the row has no {id!r}, which @cases(id=...) names", next=f"it has {', '.join(map(str, row))}"
        )
    content = _content_id(row)
    own: dict[str, Any] = {key: _word(key, row[key]) for key in row if key in WORDS and row[key] is not None}
    rest = {key: row[key] for key in row if key not in OWN and key not in ("id", "messages", "tags", "tools", "fields")}
    return Case(
        id=str(row[column]) if row.get(column) not in (None, "") else content,
        messages=_messages(row),
        expected=row.get("expected"),
        tools=_listed(row, "tools"),
        tags=_listed(row, "tags"),
        fields={**rest, **(row.get("fields") or {})},
        **own,
    )


def _content_id(row: Mapping[str, Any]) -> str:
    try:
        return digest(dict(row))[:ID_DIGITS]
    except (TypeError, ValueError, UnicodeEncodeError) as error:
        raise InputError(
            f"the row has a value that JSON cannot represent: {error}", next="leave that column out"
        ) from error


def _word(key: str, value: Any) -> str:
    """A column that names something, such as `session_id`: text, or a whole number, which becomes text."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise InputError(f"`{key}` is not text but {type(value).__name__}", next=f'write "{key}": "..."')


def _listed(row: Mapping[str, Any], key: str) -> tuple[Any, ...]:
    """A column that holds a list; text is taken apart at commas."""
    value = row.get(key) or ()
    if isinstance(value, str) and key == "tags":
        return tuple(tag.strip() for tag in value.split(",") if tag.strip())
    if not isinstance(value, (list, tuple)):
        raise InputError(f"`{key}` is not a list", next=f'write "{key}": [...]')
    return tuple(value)


def _messages(row: Mapping[str, Any]) -> tuple[Message, ...]:
    """`messages` in our own form or the OpenAI one, or `text` or `input` as one user message; none is allowed."""
    said = row.get("messages")
    if isinstance(said, (list, tuple)):
        return tuple(_message(item) for item in said)
    if said is not None:
        raise InputError("`messages` is not a list", next='write "messages": [{"role": "user", "content": ...}]')
    for name in CONVERSATION:
        if isinstance(row.get(name), str):
            return (Message(role="user", parts=(TextPart(text=row[name]),)),)
    return ()


def _message(item: Any) -> Message:
    if isinstance(item, Mapping) and "parts" in item:
        try:
            return msgspec.convert(item, Message)
        except msgspec.ValidationError as error:
            raise InputError(f"not a message: {error}") from error
    return from_chat(item)


def _rows(source: Source, split: str, folder: Path, datasets: Mapping[str, str]) -> Iterator[Located]:
    if isinstance(source, MinedSplit):
        rows_of = read_jsonl(_mined_file(source, datasets), Case)
        return ((place, case) for place, row in rows_of for case in unfolded(row))
    if isinstance(source, (str, Path)):
        return read_file(folder / source, split)
    rows: Iterable[Any] = source() if callable(source) else source
    return ((f"row {number}", row) for number, row in enumerate(rows, start=1))


def _mined_file(mined: MinedSplit, datasets: Mapping[str, str]) -> Path:
    name = mined.dataset or next(iter(datasets), "")
    if name not in datasets or (not mined.dataset and len(datasets) > 1):
        known = f"known: {', '.join(sorted(datasets))}" if datasets else "run `trueup curate` first, then `trueup eval`"
        named = (
            f"there is no mined dataset {mined.dataset!r}"
            if mined.dataset
            else "which mined dataset is meant is not said"
        )
        raise UsageError(named if datasets else "there is no mined dataset yet", next=known)
    return Path(datasets[name]) / f"{mined.split}.jsonl"
