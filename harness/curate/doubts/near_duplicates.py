"""Doubt a target that differs from those of the same message with other numbers.

Equal messages are one row already, with the best target. Of messages that differ in their numbers only, the targets differ in
numbers only, so the few that differ in more are doubted where at least two thirds agree.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from harness.core.codec import canonical
from harness.core.near_duplicates import template
from harness.curate.doubts._fields import fields
from harness.curate.rows import CallRow, contents
from harness.types import Doubt

LEAST = 3
"""Rows that are alike."""
AGREE = 2 / 3
"""Share of them whose targets agree."""


def find(rows: Sequence[CallRow]) -> Iterator[Doubt]:
    """One doubt a row whose target is in the minority; the score is the share of the majority."""
    alike: dict[str, list[CallRow]] = defaultdict(list)
    for row in rows:
        alike[template(canonical(contents(row.conversation)))].append(row)
    for group in alike.values():
        if len(group) < LEAST:
            continue
        forms = [_form(row) for row in group]
        common, count = min(Counter(forms).items(), key=lambda item: (-item[1], item[0]))
        if count >= AGREE * len(group):
            for row, form in zip(group, forms, strict=True):
                if form != common:
                    reason = f"{count} of {len(group)} messages that differ in numbers only have another answer"
                    yield Doubt(call_id=row.call.id, sign="near_duplicates", reason=reason, score=count / len(group))


def _form(row: CallRow) -> str:
    """The target with its numbers masked."""
    return canonical({key: template(value) for key, value in sorted(fields(row).items())})
