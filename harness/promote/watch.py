"""Watch as a step: what changed in production since what serves now began to serve. Apart from the loop."""

from harness.curate import step as curate_step
from harness.gate import described
from harness.mine import step as mine_step
from harness.mine.traffic import Traffic
from harness.project import LATEST, EvaluationRuns, Project
from harness.promote import daily, watch_stage
from harness.promote.watch_stage import Alarm, WatchReport
from harness.report import WATCHED, watched_days
from harness.types import WatchedDay

DAY_NS = 86_400 * 10**9


def watch(project: Project, days: float = 90.0, all_days: bool = False) -> WatchReport:
    """The calls of the last `days`, from the last promotion on (`all_days`: from before it, too).

    What serves changed at a promotion, so its days are not held against those before; `trueup monitor` compares these.
    """
    inspection = curate_step.inspect(project)
    mined = mine_step.mine(project)
    feedback = project.feedback()
    with project.progress.step("watch"):
        traffic = Traffic(project.calls())
        move = None if all_days else project.store.promotions.current(project.config.promote.alias)
        start = max(traffic.newest_ns - int(days * DAY_NS), move.at_ns if move else 0)
        seen = daily.count(traffic, feedback, mined, start)
        corrected = {item.call_id for item in feedback if item.correction is not None and item.call_id}
        found = watch_stage.watch(seen, inspection.clusters, corrected, _asked(project), project.config.gate.alpha)
        if found.ready:
            _keep(project, found)
    return found


def fresh(project: Project, found: WatchReport) -> tuple[Alarm, ...]:
    """The alarms that the day before, or the last one that was watched, did not have."""
    past = [each for each in watched_days(project) if each.day < found.days[1]]
    known = past[-1].names if past else ()
    return tuple(alarm for alarm in found.alarms if alarm.action != "wait" and alarm.name not in known)


def means(project: Project) -> dict[tuple[str, str], float]:
    """Suite and arm to the mean of the latest evaluation; empty where nothing was evaluated."""
    known = project.recalled(LATEST, "evaluation", "evaluation")
    if not known:
        return {}
    runs = project.runs(project.store.artifacts.get("evaluation", known, EvaluationRuns))
    return {(mean.suite, mean.arm): mean.mean for mean in described.arm_means(runs.values(), ())}


def _keep(project: Project, found: WatchReport) -> None:
    """For the report and the nights' page. Calls are not named there."""
    seen = WatchedDay(
        day=found.days[1],
        action=found.action,
        sentence=found.sentence,
        next=found.next,
        alarms=tuple((alarm.action, alarm.sentence) for alarm in found.alarms),
        names=tuple(alarm.name for alarm in found.alarms if alarm.action != "wait"),
        calls=found.calls,
        watched=found.watched,
    )
    project.store.memo.remember(WATCHED, seen.day, project.store.artifacts.put(WATCHED, seen))


def _asked(project: Project) -> set[str] | None:
    """Routes of the calls that the cases of the latest evaluation were made of; None where there are none."""
    known = project.recalled(LATEST, "evaluation", "evaluation")
    if not known:
        return None
    evaluation = project.store.artifacts.get("evaluation", known, EvaluationRuns)
    runs = project.runs(evaluation)
    run = runs.get(project.config.gate.candidate) or next(iter(runs.values()), None)
    ids = {case.call_id for cases in run.cases.values() for case in cases if case.call_id} if run else set()
    return {call.route for call in project.store.traces.calls_by_id(ids).values()} if ids else None
