"""Promote and rollback: the alias moves to what was judged, or back."""

from harness import forget as privacy
from harness import project as shelf
from harness.errors import InvalidError
from harness.project import Work
from harness.types import Promotion


def promote(work: Work, by: str = "") -> Promotion:
    """Move the alias to the adapter that was judged. Raises InvalidError unless the latest verdict is promote."""
    verdict = shelf.latest_verdict(work)
    privacy.check(work, "adapter", verdict.candidate)
    if verdict.outcome != "promote":
        raise InvalidError(
            f"the latest verdict is {verdict.outcome}: {verdict.sentence}", where=verdict.id[:12], next="trueup report"
        )
    work.store.artifacts.folder("adapter", verdict.candidate)  # verified: what was judged is what is promoted
    alias = work.config.promote.alias
    current = work.store.promotions.current(alias)
    expected = current.adapter if current else None
    if (expected or "") not in (verdict.champion, verdict.candidate):
        raise InvalidError(
            "another adapter was promoted since the verdict, which was not held against it",
            where=f"{alias}: {str(expected)[:12]}",
            next="trueup eval, then trueup gate",
        )
    return work.store.promotions.move(alias, verdict.candidate, verdict.id, by=by, expected=expected)


def rollback(work: Work, by: str = "") -> Promotion:
    """Move the alias back to what it was before."""
    return work.store.promotions.rollback(work.config.promote.alias, by=by)
