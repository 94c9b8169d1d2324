"""Start, judge, finish and stop a canary. The record in the store decides; the gateways' files follow from it.

An ending is recorded first and written to the files next, and each command writes the files again where they differ. So a kill leaves
the split as it was or as it is recorded, and the next command brings it in line.
"""

import secrets
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec.structs import replace

from harness.core.codec import digest
from harness.errors import InvalidError, NotYetError, TrueupError, UsageError
from harness.mine import step as mine_step
from harness.project import Project
from harness.promote import canary_stage, shadow_budget, split_files
from harness.promote import deploy as deploying
from harness.promote import step as promote_step
from harness.promote.canary_stage import CanaryReport
from harness.promote.canary_units import SKEW_NS
from harness.promote.served_by import BASE, model_name
from harness.report import CANARY_DAYS
from harness.types import Call, Canary, CanaryDay, CanaryEvent

LARGEST_SHARE = 0.5
"""A canary that gets more than its control is none."""


def start(project: Project, share: float | None = None, shadow: bool = False, by: str = "") -> Canary:
    """Give the candidate of the latest verdict a share of the sessions ([canary] share where none is given).

    In shadow that share is mirrored to it, and nobody sees its answers. Raises InvalidError unless the verdict would promote it
    now, or while another canary runs; UsageError for a share beyond 0 to 0.5, or above 1 in shadow.
    """
    deploying.recover(project)
    section = project.config.canary
    share = section.share if share is None else share
    if not 0 < share <= (1 if shadow else LARGEST_SHARE):
        raise UsageError(
            f"a share of {share:.4g} cannot be a canary's", where="--share", next="above 0 and at most 50%, such as 5%"
        )
    if not section.metrics:
        raise UsageError("nothing is compared", where="[canary] metrics", next='metrics = ["failures"]')
    if running := project.store.canaries.running():
        raise InvalidError("a canary is running already", where=running.id[:12], next="trueup canary stop, or finish")
    verdict, current = promote_step.promotable(project)
    if verdict.candidate == (current or ""):
        raise InvalidError("the candidate serves everybody already", where=verdict.candidate[:12], next="trueup run")
    canary = _planned(project, verdict.candidate, verdict.id, verdict.look, current or "", share, shadow, by)
    split_files.files(
        project, split_files.split_of(project, canary, "started")
    )  # what cannot be written starts nothing
    project.store.canaries.append(CanaryEvent(kind="started", canary=canary, at_ns=canary.start_ns, by=by))
    split_files.write(project)
    return canary


def status(project: Project, act: bool = True, now_ns: int | None = None) -> CanaryReport:
    """Judge the canary that runs, or the last one. Where harm is shown it is rolled back at once (not without `act`)."""
    last = project.store.canaries.last()
    if last is None:
        return CanaryReport(
            outcome="none", sentence="No canary was started yet.", next="trueup canary start --share 5%"
        )
    if act:
        split_files.write(project)
    if last.kind != "started":
        return replace(_report(project, last.canary, last.at_ns, has_ended=True), **_ended(last))
    report = _report(project, last.canary, now_ns or time.time_ns())
    if last.canary.shadow:
        spent = shadow_budget.words(project, last.canary.start_ns)
        report = replace(report, notes=(*report.notes, *spent))
    _keep(project, report)
    if report.outcome == "harm" and act:
        return _roll_back(project, report, last.canary)
    moved = _moved(project, last.canary)
    if moved and report.outcome == "held":
        return replace(
            report, outcome="undecided", sentence=f"Undecided: {moved}.", next="trueup canary stop", open=(moved,)
        )
    return report


def finish(project: Project, by: str = "", now_ns: int | None = None) -> CanaryReport:
    """Promote the candidate for everybody if the canary held; else change nothing and say why (or roll back, as `status`).

    Raises NotYetError when none runs, InvalidError when the alias was moved since its start, and what a promotion raises.
    """
    canary = _running(project)
    deploying.recover(project)
    report = status(project, now_ns=now_ns)
    if report.outcome != "held":
        return report
    if canary.shadow:
        return replace(
            report,
            outcome="undecided",
            sentence="Undecided: a shadow shows its answers to nobody, so it does not say what users make of them.",
            next="trueup canary stop, then trueup canary start --share 5%",
        )
    project.check_not_forgotten("adapter", project.served_adapter(canary.candidate))
    current = project.store.promotions.current(canary.alias)
    if current is None or current.adapter != canary.candidate:
        expected = current.adapter if current else None
        promote_step.move(project, canary.candidate, canary.verdict, canary.look, expected, by)
    _end(project, canary, "finished", report.sentence, report, by)
    return replace(report, ended="finished", next="trueup monitor, once new traces are ingested")


def stop(project: Project, reason: str = "", by: str = "") -> CanaryEvent:
    """End it: everybody gets the control again, and nothing is promoted. Raises NotYetError when none runs."""
    event = _end(project, _running(project), "stopped", reason or "stopped by hand", None, by)
    split_files.write(project)
    return event


# ---------------------------------------------------------------- small print


def _planned(
    project: Project, candidate: str, verdict: str, look: str, champion: str, share: float, shadow: bool, by: str
) -> Canary:
    """Its rules, as trueup.toml has them now, and what the calls of before say is slow and costly."""
    section, now = project.config.canary, time.time_ns()
    slow_s, costly_tokens = canary_stage.thresholds(project.calls(), now)
    ids = {what: _ids(project, what) for what in (candidate, champion)}
    shared = ids[candidate] & ids[champion]  # two arms of one adapter are told apart by their own ids
    folder = project.config.model.base.rstrip("/").rpartition("/")[2]
    models = {
        *section.control,
        *([] if champion else [BASE, folder, project.config.model_path(project.config.model.base)]),
    }
    canary = Canary(
        id="",
        candidate=candidate,
        verdict=verdict,
        champion=champion,
        alias=project.config.promote.alias,
        look=look,
        share=share,
        salt=secrets.token_hex(8),
        start_ns=now,
        metrics=section.metrics,
        alpha=project.config.gate.alpha,
        most_harm=section.most_harm,
        least_calls=section.least_calls,
        days=section.days,
        candidate_name=model_name(candidate),
        control_name=section.control[0] if section.control and not champion else model_name(champion),
        candidate_ids=tuple(sorted(ids[candidate] - shared)),
        control_ids=tuple(sorted(ids[champion] - shared)),
        control_models=tuple(sorted(models - {""})),
        guards=section.guards,
        shadow=shadow,
        slow_s=slow_s,
        costly_tokens=costly_tokens,
        by=by,
    )
    return replace(canary, id=digest(canary))


def _ids(project: Project, what: str) -> set[str]:
    """Digests that servers give what has this content id: its own, and its adapter's."""
    return {what, project.served_adapter(what)} - {""}


def _report(project: Project, canary: Canary, now_ns: int, has_ended: bool = False) -> CanaryReport:
    """Judged at `now_ns`; what was called after the end of one that has ended is none of its calls."""
    mined, feedback = mine_step.mine(project), project.feedback()
    with project.progress.step("canary"):
        calls: Iterable[Call] = project.calls()
        if has_ended:
            calls = [call for call in calls if call.start_ns <= now_ns]
        newest = max((call.start_ns for call in calls if call.start_ns <= now_ns + SKEW_NS), default=0)
        offline = _offline(project, canary.verdict)
        return canary_stage.judge(calls, feedback, mined, canary, min(newest, now_ns), offline, now_ns)


def _keep(project: Project, report: CanaryReport) -> None:
    """For the report and the nights' page, once a day of traffic; of a day that was judged twice the last word."""
    if report.canary is None or not sum(report.calls.values()):
        return
    reached = datetime.fromtimestamp(report.canary.start_ns / 1e9 + report.days * 86_400, UTC)
    seen = CanaryDay(
        canary=report.canary.id,
        day=f"{reached:%Y-%m-%d}",
        outcome=report.outcome,
        sentence=report.sentence,
        findings=report.findings,
        calls=report.calls,
        notes=report.notes,
    )
    ident = project.store.artifacts.put(CANARY_DAYS, seen)
    project.store.memo.remember(CANARY_DAYS, f"{seen.canary} {seen.day}", ident)


def _offline(project: Project, verdict: str) -> str:
    from harness.promote import release

    known = release.verdict_of(project, verdict)
    return known.sentence if known else ""


def _roll_back(project: Project, report: CanaryReport, canary: Canary) -> CanaryReport:
    """The split first, as that is what harms; then the alias and the targets, where they stand at the candidate."""
    _end(project, canary, "rolled back", report.sentence, report)
    current = project.store.promotions.current(canary.alias)
    try:
        if current and current.adapter == canary.candidate:
            promote_step.rollback(project, by="trueup canary")
    except TrueupError as error:
        error.what = f"the split was taken back, but {canary.alias} was not: {error.what}"
        raise
    return replace(report, ended="rolled back", next="trueup report, for what the verdict had not seen")


def _end(
    project: Project, canary: Canary, kind: str, reason: str, report: CanaryReport | None, by: str = ""
) -> CanaryEvent:
    event = CanaryEvent(
        kind=kind,  # type: ignore[arg-type] # its callers give one of the literals
        canary=canary,
        at_ns=time.time_ns(),
        by=by,
        reason=reason,
        findings=report.findings if report else (),
    )
    project.store.canaries.append(event)
    split_files.write(project)
    return event


def _running(project: Project) -> Canary:
    running = project.store.canaries.running()
    if running is None:
        raise NotYetError("no canary is running", where=project.store.place, next="trueup canary start --share 5%")
    return running


def _moved(project: Project, canary: Canary) -> str:
    """In words that the alias was moved to something else since the start; empty where it was not."""
    current = project.store.promotions.current(canary.alias)
    now = current.adapter if current else ""
    if now in (canary.champion, canary.candidate):
        return ""
    return f"{canary.alias} was moved to {project.served(now)} since the start, so the control is not what serves"


def _ended(last: CanaryEvent) -> dict[str, str]:
    return {"ended": last.kind, "sentence": f"{last.kind.capitalize()}: {last.reason}", "next": ""}
