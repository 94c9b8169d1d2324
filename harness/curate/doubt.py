"""Find the targets that look wrong, for a person to look at: none is left out for it."""

from collections import Counter
from collections.abc import Iterable, Sequence

from harness.core.feedback_scale import REVIEW
from harness.core.plugins import load, names
from harness.curate.rows import CallRow
from harness.types import Doubt, Feedback, Json

SOURCE = "correction"
"""Whose targets are doubted. Those of programs are in the review queue anyway."""


def doubts(rows: Sequence[CallRow], feedback: Iterable[Feedback]) -> tuple[Doubt, ...]:
    """What speaks against corrections, the surest first; one that was reviewed is no longer doubted.

    Rows with another target are learnt from, and not doubted.
    """
    reviewed = {item.call_id for item in feedback if item.name == REVIEW}
    asked = {row.call.id for row in rows if row.target.source == SOURCE} - reviewed
    if not asked:
        return ()
    raised = (doubt for sign in names("doubts") for doubt in load("doubts", sign).find(rows))
    return tuple(sorted((doubt for doubt in raised if doubt.call_id in asked), key=_rank))


def note(raised: Sequence[Doubt], rows: Sequence[CallRow]) -> dict[str, Json]:
    """What the manifest says: corrections, how many are doubted, and by which sign. Nothing where there are no corrections."""
    checked = sum(row.target.source == SOURCE for row in rows)
    signs = Counter(sign for sign, _ in {(doubt.sign, doubt.call_id) for doubt in raised})
    counts: dict[str, Json] = {
        "corrections": checked,
        "doubted": len({doubt.call_id for doubt in raised}),
        "signs": dict(sorted(signs.items())),
    }
    return {"doubts": counts} if checked else {}


def _rank(doubt: Doubt) -> tuple[float, str, str, str]:
    return -doubt.score, doubt.call_id, doubt.sign, doubt.reason
