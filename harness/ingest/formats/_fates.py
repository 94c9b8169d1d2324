"""Name what becomes of a record that is neither call nor feedback, so that every record is counted."""

from typing import NamedTuple

OTHER = "other:"
"""How the names of counts begin that tell of records which are not a model's, such as `other:tool`."""

INNER = "inner"
"""Count of records that stand inside other records, such as feedback that is an event of a span."""


class Passed(NamedTuple):
    """What `pieces` gives, under the key None, for a part of a record that says nothing of a model."""

    kind: str


def aside(kind: str) -> str:
    """The name of the count for a kind of record that is not a model's."""
    return OTHER + kind
