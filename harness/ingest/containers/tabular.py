"""Read rows of Parquet and CSV files as records."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 200
"""Rows of a Parquet file that are decoded at a time: few, since a hostile dictionary makes each row a large one."""

FREE_ROWS, ROWS_A_BYTE = 10**6, 50
"""A Parquet file may hold `FREE_ROWS`, and beyond that so many for each of its bytes."""


def parquet(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Rows as plain values; extension types are never loaded. Raises ValueError for a damaged file."""
    try:
        size = stream.seek(0, io.SEEK_END)
        with pq.ParquetFile(stream, arrow_extensions_enabled=False) as file:
            if file.metadata.num_rows > FREE_ROWS + ROWS_A_BYTE * size:
                raise OSError(f"{file.metadata.num_rows:,} rows in so small a file")
            for batch in file.iter_batches(batch_size=ROWS):
                for row in _plain(pa.Table.from_batches([batch])):
                    yield {name: _cell(value) for name, value in row.items()}
    except (pa.ArrowException, OSError, OverflowError) as error:
        raise ValueError(f"damaged Parquet file: {error}") from error


def _plain(table: pa.Table) -> list[dict[str, Any]]:
    """Times become whole microseconds first, so that none needs pandas."""
    fields = [
        pa.field(f.name, pa.timestamp("us", f.type.tz)) if pa.types.is_timestamp(f.type) else f for f in table.schema
    ]
    rows: list[dict[str, Any]] = table.cast(pa.schema(fields), safe=False).to_pylist()
    return rows


def _cell(value: Any) -> Any:
    """A value that JSON has: times as ISO text, bytes as text, NaN as None. JSON text stays text: an answer may be JSON."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {str(key): _cell(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cell(inner) for inner in value]
    return value if isinstance(value, (str, int, type(None))) else str(value)


def delimited(stream: IO[bytes], most: int) -> Iterator[dict[str, Any]]:
    """Rows of a CSV file with a header, cells of at most `most` bytes. Raises ValueError where it is no CSV."""
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    csv.field_size_limit(most)
    try:
        for row in csv.DictReader(text, strict=True):
            yield {name: value for name, value in row.items() if name and value not in (None, "")}
    except csv.Error as error:
        raise ValueError(f"damaged CSV file: {error}") from error
    finally:
        text.detach()
