"""Promote as a step: move the alias to the judged adapter, or back."""

from harness.errors import InvalidError
from harness.project import Project
from harness.types import Promotion


def promote(project: Project, by: str = "") -> Promotion:
    """Move the alias to the adapter that was judged. Raises InvalidError unless the latest verdict is promote."""
    verdict = project.latest_verdict()
    project.check_not_forgotten("adapter", verdict.candidate)
    if verdict.outcome != "promote":
        raise InvalidError(
            f"the latest verdict is {verdict.outcome}: {verdict.sentence}", where=verdict.id[:12], next="trueup report"
        )
    project.store.artifacts.folder("adapter", verdict.candidate)  # verified: what was judged is what is promoted
    alias = project.config.promote.alias
    current = project.store.promotions.current(alias)
    expected = current.adapter if current else None
    if (expected or "") not in (verdict.champion, verdict.candidate):
        raise InvalidError(
            "another adapter was promoted since the verdict, which was not held against it",
            where=f"{alias}: {str(expected)[:12]}",
            next="trueup eval, then trueup gate",
        )
    return project.store.promotions.move(
        alias, verdict.candidate, verdict.id, by=by, expected=expected, look=verdict.look
    )


def rollback(project: Project, by: str = "") -> Promotion:
    """Move the alias back to what it was before."""
    return project.store.promotions.rollback(project.config.promote.alias, by=by)
