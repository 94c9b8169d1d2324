"""Convert nouns to rows of the trace table: a few typed columns to filter by, and the whole noun as JSON text.

What makes two records the same is their `digest`: content without `source`, because the same span exported into two
files is one call.
"""

import itertools
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

import msgspec
import pyarrow as pa
from msgspec.structs import replace

from harness.core import codec
from harness.errors import InputError
from harness.types import Call, Feedback, Noun, Quarantined, Source

CALL, FEEDBACK, QUARANTINED, RECEIPT = "call", "feedback", "quarantined", "receipt"
"""Kinds of rows; each stands in a partition of its own."""

CONFLICT = "conflict"
"""Flag of a call that was delivered twice with different content."""

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("digest", pa.string()),
        ("variant", pa.bool_()),  # another content under the same id was stored before this one
        ("start_ns", pa.int64()),  # for feedback: when it was given
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("session_id", pa.string()),
        ("user_id", pa.string()),
        ("route", pa.string()),
        ("model", pa.string()),
        ("usable", pa.bool_()),
        ("call_id", pa.string()),
        ("name", pa.string()),
        ("value", pa.float64()),
        ("corrected", pa.bool_()),
        ("body", pa.string()),
    ]
)
"""Columns of every data file, in this order; those that a kind does not have are null."""

ORDER = ("start_ns", "id", "digest")
"""Every data file is sorted by these, so that many files are read as one ordered stream."""

GROUP = 4096
"""Rows of one Parquet row group."""

Row = dict[str, Any]

NO_SOURCE = Source(format="")
INT64 = 2**63 - 1


class Receipt(Noun, frozen=True):
    """What one merge read: how the table accounts for records that it did not store again."""

    files: dict[str, str] = {}
    """sha256 of each export file that was read to its end -> its path."""
    counts: dict[str, int] = {}
    held: dict[str, int] = {}
    """sha256 of an export file -> calls and feedback records that it gave."""


def call_row(call: Call) -> Row:
    bare = replace(call, source=NO_SOURCE, flags=tuple(flag for flag in call.flags if flag != CONFLICT))
    return {
        **_common(call, codec.digest(bare), call.start_ns),
        "route": call.route,
        "model": call.model_served or call.model_requested,
        "usable": call.usable,
    }


def feedback_row(feedback: Feedback) -> Row:
    return {
        **_common(feedback, codec.digest(replace(feedback, source=NO_SOURCE)), feedback.at_ns),
        "call_id": feedback.call_id,
        "name": feedback.name,
        "value": feedback.value,
        "corrected": feedback.correction is not None,
    }


def quarantined_row(record: Quarantined) -> Row:
    # The same broken line in two files is two records that could not be read.
    place = codec.digest([record.id, record.file, record.line])
    return {"id": record.id, "digest": place, "start_ns": 0, "body": _body(record), "variant": False}


def receipt_row(receipt: Receipt, id: str, at_ns: int) -> Row:
    return {"id": id, "digest": codec.digest(receipt), "start_ns": at_ns, "body": _body(receipt), "variant": False}


def tables(rows: Iterable[Row]) -> Iterator[pa.Table]:
    """The rows as Arrow tables of at most `GROUP` rows, in the order they come."""
    stream = iter(rows)
    while group := list(itertools.islice(stream, GROUP)):
        columns = [pa.array([row.get(field.name) for row in group], field.type) for field in SCHEMA]
        yield pa.Table.from_arrays(columns, schema=SCHEMA)


def in_order(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=itemgetter(*ORDER))


def _common(noun: Call | Feedback, digest: str, at_ns: int) -> Row:
    return {
        "id": noun.id,
        "digest": digest,
        "variant": False,
        "start_ns": max(
            -INT64, min(INT64, at_ns)
        ),  # a broken clock must not keep a record out; `body` has it as it came
        "trace_id": noun.trace_id,
        "span_id": noun.span_id,
        "session_id": noun.session_id,
        "user_id": noun.user_id,
        "body": _body(noun),
    }


def _body(noun: Noun) -> str:
    try:
        return codec.canonical(noun)
    except (ValueError, msgspec.EncodeError) as error:
        raise InputError(f"a record cannot be stored: {error}", where=getattr(noun, "id", "")) from error
