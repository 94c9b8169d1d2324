"""Watch as a step: what changed in production since what serves now began to serve. Apart from the loop."""

from harness.curate import step as curate_step
from harness.mine import step as mine_step
from harness.mine.traffic import Traffic
from harness.project import LATEST, EvaluationRuns, Project
from harness.promote import daily, watch_stage
from harness.promote.watch_stage import WatchReport

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
        return watch_stage.watch(seen, inspection.clusters, corrected, _asked(project), project.config.gate.alpha)


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
