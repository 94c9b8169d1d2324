"""Rows of a file, a mined split or Python -> `Case`s with stable ids.

A row may hold `id`, the conversation (`messages`, or `text` or `input` for a single user message), `expected`, and any
other columns, which become `case["column"]`. What a row says is data: nothing in it is run or looked up.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from harness.codec import digest, from_chat
from harness.errors import InputError, UsageError
from harness.suites import Mined, Source
from harness.types import Case, Message, TextPart

OWN = frozenset(Case.__struct_fields__) - {"messages", "target", "fields", "id", "tags", "tools"}
CONVERSATION = ("messages", "text", "input")
ID_DIGITS = 12

Located = tuple[str, Any]
"""A row, after the place where it stands: file and line, for messages."""


def load_cases(source: Source, *, id: str = "", folder: Path, datasets: Mapping[str, str]) -> tuple[Case, ...]:
    """The cases of one `@cases(...)`.

    `folder` is the eval file's; `datasets` maps names of mined datasets to their folders. Raises InputError naming file
    and line of a row that cannot be a case or whose id was there before, and UsageError for an unknown dataset or kind
    of file.
    """
    cases: dict[str, Case] = {}
    places: dict[str, str] = {}
    for place, row in _rows(source, folder, datasets):
        try:
            case = to_case(row, id)
        except InputError as error:
            raise InputError(error.what, where=place, next=error.next) from error
        if case.id in cases:
            raise InputError(
                f"the case id {case.id!r} is not unique: it stands at {places[case.id]} too",
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
    name = str(row.get(column) or digest(dict(row))[:ID_DIGITS])
    own: dict[str, Any] = {key: value for key, value in row.items() if key in OWN and isinstance(value, str)}
    own["expected"] = row.get("expected")
    rest = {key: row[key] for key in row if key not in OWN and key not in ("id", "messages", "tags", "tools", "fields")}
    return Case(
        id=name,
        messages=_messages(row),
        tools=tuple(row.get("tools") or ()),
        tags=tuple(row.get("tags") or ()),
        fields={**rest, **(row.get("fields") or {})},
        **own,
    )


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


def _rows(source: Source, folder: Path, datasets: Mapping[str, str]) -> Iterator[Located]:
    if isinstance(source, Mined):
        return _read_jsonl(_mined_file(source, datasets), Case)
    if isinstance(source, (str, Path)):
        return _read_file(folder / source)
    rows: Iterable[Any] = source() if callable(source) else source
    return ((f"row {number}", row) for number, row in enumerate(rows, start=1))


def _mined_file(mined: Mined, datasets: Mapping[str, str]) -> Path:
    name = mined.dataset or next(iter(datasets), "")
    if name not in datasets or (not mined.dataset and len(datasets) > 1):
        known = f"known: {', '.join(sorted(datasets))}" if datasets else "run `trueup curate` first, then `trueup eval`"
        raise UsageError(f"there is no mined dataset {mined.dataset!r}", next=known)
    return Path(datasets[name]) / f"{mined.split}.jsonl"


def _read_file(path: Path) -> Iterator[Located]:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError("cannot read cases from this kind of file", where=str(path), next=f"use {', '.join(READERS)}")
    if not path.is_file():
        raise InputError("the file of cases does not exist", where=str(path), next="mend the path in @cases(...)")
    return reader(path)


def _read_jsonl(path: Path, kind: Any = Any) -> Iterator[Located]:
    if not path.is_file():
        raise InputError("the mined split does not exist", where=str(path), next="trueup curate")
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            place = f"{path}:{number}"
            try:
                yield place, decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InputError(f"not a valid row: {error}", where=place, next="mend that line") from error


def _read_csv(path: Path) -> Iterator[Located]:
    """Cells stay text; an empty cell is an absent column."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for row in reader:
                if None in row or None in row.values():
                    raise InputError("the row has not as many cells as the header", where=f"{path}:{reader.line_num}")
                yield f"{path}:{reader.line_num}", {key: value for key, value in row.items() if value != ""}
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"not valid CSV: {error}", where=f"{path}:{reader.line_num}") from error


def _read_parquet(path: Path) -> Iterator[Located]:
    from pyarrow import ArrowException, parquet  # only suites that keep their cases in Parquet pay for it

    try:
        table = parquet.read_table(path)
    except (ArrowException, OSError) as error:
        raise InputError(f"not a valid Parquet file: {error}", where=str(path)) from error
    for number, row in enumerate(table.to_pylist(), start=1):
        yield f"{path}:{number}", {key: value for key, value in row.items() if value is not None}


READERS: dict[str, Callable[[Path], Iterator[Located]]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
