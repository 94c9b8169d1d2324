"""Read rows of case files with their place: JSON Lines, JSON, CSV, Parquet, folders of Hugging Face datasets."""

import codecs
import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import InputError, UsageError

Located = tuple[str, Any]
"""A row, after the place where it stands: file and line, for messages."""


def read_file(path: Path, split: str = "") -> Iterator[Located]:
    """Rows of a file, by its suffix, or of one split of a folder. Raises InputError naming file and line of a bad one."""
    if path.is_dir():
        return _read_folder(path, split)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            "cannot read cases from this kind of file", where=str(path), next=f"use {', '.join(READERS)} or a folder"
        )
    if not path.is_file():
        raise InputError("the file of cases does not exist", where=str(path), next="fix the path in @cases(...)")
    return reader(path)


def read_jsonl(path: Path, kind: Any = Any) -> Iterator[Located]:
    """Lines of a JSON Lines file as values of `kind`."""
    if not path.is_file():
        raise InputError("the mined split does not exist", where=str(path), next="trueup curate")
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line  # which Windows' tools write
            if not line.strip():
                continue
            place = f"{path}:{number}"
            try:
                yield place, decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InputError(f"not a valid row: {error}", where=place, next="fix that line") from error


def _read_json(path: Path) -> Iterator[Located]:
    """A list of rows."""
    try:
        rows = msgspec.json.decode(path.read_bytes().removeprefix(codecs.BOM_UTF8))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"not valid JSON: {error}", where=str(path), next="write a list of rows, or JSON Lines"
        ) from error
    if not isinstance(rows, list):
        raise InputError("not a list of rows", where=str(path), next='write [{"text": ..., "expected": ...}, ...]')
    yield from ((f"{path}[{number}]", row) for number, row in enumerate(rows))


def _read_csv(path: Path) -> Iterator[Located]:
    """Cells stay text; an empty cell is an absent column. Commas, semicolons or tabs, whichever the header has most of."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            delimiter = max(DELIMITERS, key=file.readline().count)
            file.seek(0)
            reader = csv.DictReader(file, delimiter=delimiter, strict=True)
        except UnicodeDecodeError as error:
            raise InputError(f"not valid CSV: {error}", where=f"{path}:1", next="save it as UTF-8") from error
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
        yield f"{path}:{number}", _present(row)


def _read_folder(path: Path, split: str) -> Iterator[Located]:
    """A folder of Hugging Face datasets: one that was saved, or a repository with a file or several a split."""
    if any((path / name).is_file() for name in ("state.json", "dataset_dict.json")):
        return _read_saved(path, split)
    name = split or "test"
    found = sorted(file for file in path.rglob("*") if file.suffix in READERS and _is_split(file.stem, name))
    if not found:
        raise InputError(f"the folder has no split {name!r}", where=str(path), next='@cases(FOLDER, split="...")')
    return (row for file in found for row in READERS[file.suffix](file))


def _is_split(stem: str, split: str) -> bool:
    """`test`, and `test-00000-of-00002`, as repositories of datasets are laid out."""
    return stem == split or stem.startswith(f"{split}-")


def _read_saved(path: Path, split: str) -> Iterator[Located]:
    import datasets  # only suites that keep their cases so pay for it

    try:
        found = datasets.load_from_disk(str(path))
    except Exception as error:  # a damaged folder may raise anything
        raise InputError(f"not a saved dataset: {error}", where=str(path)) from error
    if isinstance(found, datasets.DatasetDict):
        if split not in found:
            known = ", ".join(map(str, found))
            raise InputError(f"the dataset has no split {split!r}", where=str(path), next=f"split= one of {known}")
        found = found[split]
    for number, row in enumerate(found, start=1):
        yield f"{path}[{split}]:{number}" if split else f"{path}:{number}", _present(row)


def _present(row: Mapping[str, Any]) -> dict[str, Any]:
    """A table's empty cell is an absent column."""
    return {key: value for key, value in row.items() if value is not None}


def checker(schema: Any) -> Callable[[Any], None]:
    """Checks rows against a type (msgspec, dataclass, TypedDict) or a JSON Schema. Raises InputError naming the column."""
    if schema is None:
        return lambda row: None
    if isinstance(schema, Mapping):
        from jsonschema import validators  # only suites with such a schema pay for it

        validator = validators.validator_for(schema)(schema)
        return lambda row: _refuse(
            next(iter(sorted(validator.iter_errors(row), key=lambda error: error.json_path)), None)
        )

    def check(row: Any) -> None:
        try:
            msgspec.convert(row, schema, strict=False)
        except msgspec.ValidationError as error:
            raise InputError(f"the row breaks the schema: {error}") from error

    return check


def _refuse(error: Any) -> None:
    if error is not None:
        raise InputError(f"the row breaks the schema: {error.message} - at `{error.json_path}`")


DELIMITERS = ",;\t"
READERS: dict[str, Callable[[Path], Iterator[Located]]] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": _read_json,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
}
