"""Rows of Parquet and CSV files as records."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.formats._json import loads

ROWS = 1_000
"""Rows of a Parquet file that are decoded at a time."""

WIDEST_CELL = 16 * 2**20


def parquet(data: bytes) -> Iterator[dict[str, Any]]:
    """Rows as plain values; extension types are never loaded. Raises ValueError for a damaged file."""
    try:
        with pq.ParquetFile(io.BytesIO(data), arrow_extensions_enabled=False) as file:
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
    return table.cast(pa.schema(fields), safe=False).to_pylist()


def _cell(value: Any) -> Any:
    """A value that JSON has: times as ISO text, bytes as text, NaN as None, JSON text decoded."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {str(key): _cell(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cell(inner) for inner in value]
    return _decoded(value) if isinstance(value, str) else value if isinstance(value, (int, type(None))) else str(value)


def delimited(data: bytes) -> Iterator[dict[str, Any]]:
    """Rows of a CSV file with a header. Raises ValueError where it is no CSV."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", errors="replace", newline="")
    csv.field_size_limit(WIDEST_CELL)
    try:
        for row in csv.DictReader(text, strict=True):
            yield {name: _decoded(value) for name, value in row.items() if name and value not in (None, "")}
    except csv.Error as error:
        raise ValueError(f"damaged CSV file: {error}") from error


def _decoded(text: Any) -> Any:
    if isinstance(text, str) and text[:1] in ("{", "["):
        try:
            return loads(text)
        except ValueError:
            return text
    return text
