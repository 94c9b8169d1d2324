"""Remember the latest verdict of each branch, so that a pull request can be told what it alone changes."""

from msgspec.structs import replace

from harness.core.ci_job import CiJob
from harness.errors import TrueupError
from harness.gate import compare
from harness.gate import step as gate_step
from harness.project import JUDGED, EvaluationRuns, Project
from harness.types import BranchChange, Run, Verdict

BRANCH = "branch"
"""Memo step: name of a branch to the latest verdict that was made on it."""


def remember(project: Project, verdict: Verdict, job: CiJob) -> None:
    """Note the verdict as the latest of the branch that the job builds. Does nothing outside of CI, or for a change."""
    if job.branch:
        project.store.memo.remember(BRANCH, job.branch, verdict.id)


def change(project: Project, verdict: Verdict, job: CiJob) -> BranchChange | None:
    """Today's candidate against that of the latest verdict of the branch that the change goes into; None without one.

    Both were asked from the same store, so between them is what the change did, as long as no new traces came in."""
    known = project.recalled(BRANCH, job.base, "verdict") if job.base else ""
    if not known:
        return None
    before = project.store.artifacts.get("verdict", known, Verdict)
    made = BranchChange(branch=job.base, outcome=before.outcome)
    try:
        return replace(made, comparisons=compare.compare(_candidate(project, before), _candidate(project, verdict)))
    except TrueupError:  # its runs were pruned
        return None


def _candidate(project: Project, verdict: Verdict) -> Run:
    evaluation = project.store.artifacts.get(
        "evaluation", project.recalled(JUDGED, verdict.id, "evaluation"), EvaluationRuns
    )
    return project.runs(evaluation)[gate_step.policy_of(project, verdict).candidate]
