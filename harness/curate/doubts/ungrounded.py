"""Doubt a value that is not in the message, in a field whose values nearly always are copied from it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from harness.core.replies import grounded, padded
from harness.curate.doubts._fields import TEXT, TOOL, fields
from harness.curate.rows import CallRow
from harness.types import Doubt

LEAST = 20
"""Rows with the field."""
COPIED = 0.9
"""Share of them whose value is in the message."""


def find(rows: Sequence[CallRow]) -> Iterator[Doubt]:
    """One doubt a row and field; the score is the share of the field's other values that are copied."""
    values: dict[str, list[tuple[CallRow, str]]] = defaultdict(list)
    for row in rows:
        for field, value in fields(row).items():
            if field not in (TEXT, TOOL):
                values[field].append((row, value))
    for field, given in sorted(values.items()):
        strange = [(row, value) for row, value in given if not _is_copied(value, row)]
        share = 1 - len(strange) / len(given)
        if len(given) >= LEAST and share >= COPIED:
            for row, value in strange:
                reason = f"`{field}` is {value[:60]!r}, which the message does not contain; {share:.0%} of the others are copied"
                yield Doubt(call_id=row.call.id, sign="ungrounded", reason=reason, score=share)


def _is_copied(value: str, row: CallRow) -> bool:
    return grounded(value, padded(" ".join(message.text for message in row.conversation)))
