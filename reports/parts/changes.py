"""Compare tonight's training rows with those of the night before: added, dropped, or given another target."""

from collections.abc import Iterator

from msgspec import Struct

from harness.types import Case, Story


class RowChange(Struct):
    """One kind of change, and the rows that it happened to."""

    kind: str
    """added, dropped, or other target."""
    rows: list[Case]
    """As they are now; dropped rows as they were."""


def row_changes(story: Story) -> list[RowChange]:
    """The kinds of change that there are; empty without a dataset before this one."""
    if story.previous is None or not story.previous_training:
        return []
    return [RowChange(kind, rows) for kind, rows in _kinds(story) if rows]


def _kinds(story: Story) -> Iterator[tuple[str, list[Case]]]:
    before = {case.id: case for case in story.previous_training}
    now = {case.id: case for case in story.training}
    yield "added", [case for ident, case in now.items() if ident not in before]
    yield "dropped", [case for ident, case in before.items() if ident not in now]
    both = [(before[ident], case) for ident, case in now.items() if ident in before]
    yield "other target", [case for old, case in both if target(old) != target(case)]


def target(case: Case) -> str:
    """The answer that is learnt, as text."""
    return case.target.text if case.target else ""
