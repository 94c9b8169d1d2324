"""Promote as a step: move the alias to the judged adapter, or back."""

from harness.errors import InvalidError
from harness.gate import step as gate_step
from harness.project import Project
from harness.types import Promotion, Verdict


def promote(project: Project, by: str = "") -> Promotion:
    """Move the alias to the adapter that was judged. Raises InvalidError unless the latest verdict is promote.

    The runs are judged once more, under the policy, waivers and quarantine that are in force now: a verdict that was edited, or
    made under another policy, promotes nothing.
    """
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
    _judge_again(project, verdict)
    return project.store.promotions.move(
        alias, verdict.candidate, verdict.id, by=by, expected=expected, look=verdict.look
    )


def _judge_again(project: Project, verdict: Verdict) -> None:
    again = gate_step.under(project, project.config.gate)
    if again.outcome != "promote":
        raise InvalidError(
            f"judged again with what is in force now, the verdict is {again.outcome}: {again.sentence}",
            where=verdict.id[:12],
            next="trueup gate, then trueup report",
        )
    if (again.candidate, again.policy) != (verdict.candidate, verdict.policy):
        raise InvalidError(
            "the policy was changed since the verdict, or another adapter was evaluated",
            where=verdict.id[:12],
            next="trueup gate, then trueup promote",
        )


def rollback(project: Project, by: str = "") -> Promotion:
    """Move the alias back to what it was before."""
    return project.store.promotions.rollback(project.config.promote.alias, by=by)
