"""Monitor the last promotion: compare the calls since it with those before. Apart from the loop."""

from datetime import UTC, datetime

from harness.errors import NotYetError, UsageError
from harness.mine import step as mine_step
from harness.project import Project
from harness.promote import monitor_stage
from harness.promote.monitor_stage import DAY_NS, Moment, Monitoring


def monitor(project: Project, days: float = 14.0, since: str = "") -> Monitoring:
    """The calls since the alias moved, against those of the `days` before, as far as the same thing served then.

    `since` is an ISO date or time (UTC) for a deployment later than the promotion. Raises NotYetError when nothing was
    promoted yet, UsageError when `since` is no time.
    """
    moves = project.store.promotions.history(project.config.promote.alias)
    if not moves:
        raise NotYetError(
            "nothing was promoted yet", where=project.config.promote.alias, next="trueup promote, or trueup run"
        )
    at_ns = _time(since) if since else moves[-1].at_ns
    earlier = max((move.at_ns for move in moves[:-1] if move.at_ns < at_ns), default=0)
    moment = Moment(
        at_ns=at_ns,
        since_ns=max(at_ns - int(days * DAY_NS), earlier),
        what=project.served(moves[-1].adapter),
    )
    mined = mine_step.mine(project)
    with project.progress.step("monitor"):
        return monitor_stage.monitor(project.calls(), project.feedback(), mined, moment, project.config.gate.alpha)


def _time(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no date or time", where="--since", next="write it as 2026-03-31 or 2026-03-31T18:00"
        ) from None
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1e9)
