"""Read the texts of benchmark files, so that nothing near them is trained on.

Nobody agrees on what the question's column is called. So every text of a row counts that is long enough to be
recognised, whatever its key: a question, a passage, the messages of a conversation, the options of a choice.
"""

import csv
import gzip
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import InputError

WORDS = 3
"""Shorter texts are labels, letters of options, or ids."""
KNOWN = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".txt", ".md")


def texts(paths: Iterable[str]) -> Iterator[str]:
    """All texts of the files, in their order. Raises InputError, with file and line, for one that cannot be read."""
    for path in map(Path, paths):
        if not path.is_file():
            raise InputError("the file does not exist", where=str(path), next="fix [curate] contamination_files")
        for row in _rows(path):
            yield from (text for text in _strings(row) if len(text.split()) >= WORDS)


def _rows(path: Path) -> Iterator[Any]:
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix not in KNOWN:
        raise InputError(
            f"not a form of benchmark file: {suffix or 'no suffix'}", where=str(path), next=f"known: {', '.join(KNOWN)}"
        )
    if suffix == ".parquet":
        yield from _parquet(path)
        return
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as data:
        try:
            if suffix in (".jsonl", ".ndjson"):
                yield from _lines(data, path)
            elif suffix == ".json":
                yield msgspec.json.decode(data.read())
            elif suffix in (".csv", ".tsv"):
                csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
                with io.TextIOWrapper(data, "utf-8-sig", newline="") as text:
                    yield from csv.reader(text, delimiter="\t" if suffix == ".tsv" else ",")
            else:
                with io.TextIOWrapper(data, "utf-8") as text:
                    yield from text
        except (msgspec.DecodeError, UnicodeDecodeError, csv.Error, OSError, EOFError) as error:
            raise InputError(f"the file cannot be read: {error}", where=str(path)) from error


def _lines(data: Any, path: Path) -> Iterator[Any]:
    for number, line in enumerate(data, start=1):
        if line.strip():
            try:
                yield msgspec.json.decode(line)
            except msgspec.DecodeError as error:
                raise InputError(f"not JSON: {error}", where=f"{path}:{number}") from error


def _parquet(path: Path) -> Iterator[Any]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(1024):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"the file cannot be read: {str(error).splitlines()[0]}", where=str(path)) from error


def _strings(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
