"""Compute what a call costs under each arm: tokens, seconds, money; and how often an arm disagrees with itself."""

from collections.abc import Sequence
from statistics import median, quantiles

from msgspec import Struct

from harness.types import Run, Story, Target
from reports.parts.cases import CaseRow, candidate

FEWEST = 20
"""Replies that a 95th percentile takes."""


class ArmCost(Struct):
    """Means over the calls of one arm on the target suites: there it answers as it would in production."""

    arm: str
    replies: int
    input: float | None
    """Input tokens a call, unpadded; None where the backend does not count."""
    output: float | None
    seconds: float
    """Median of a reply's share of its batch; answers from the cache keep the time they took when they were made."""
    slow: float | None
    """95th percentile of the same; None of fewer than 20."""
    price: float | None
    """Of 1,000 calls, in the currency of the arm's option `prices`; None where it names none."""
    flaky: float | None
    """Share of cases whose repeats disagree; None with one repeat."""
    saved: float | None = None
    """Share of this arm's input tokens that the judged arm does without; negative when it needs more."""


def arm_costs(story: Story, rows: list[CaseRow]) -> list[ArmCost]:
    """One row an arm, in the story's order."""
    costs = [_arm_cost(run, rows) for run in story.runs]
    judged = next((cost.input for cost in costs if cost.arm == candidate(story)), None)
    for cost in costs:
        if cost.arm != candidate(story) and cost.input and judged is not None:
            cost.saved = 1 - judged / cost.input
    return costs


def _arm_cost(run: Run, rows: list[CaseRow]) -> ArmCost:
    asked = targets(run)
    replies = [reply for result in run.results if result.suite in asked for reply in result.replies]
    taken = _mean([reply.usage.input for reply in replies])
    given = _mean([reply.usage.output for reply in replies])
    name = run.arm.name
    repeated = [row for row in rows if len(row.results.get(name, ())) > 1]
    return ArmCost(
        arm=name,
        replies=len(replies),
        input=taken,
        output=given,
        seconds=median(reply.seconds for reply in replies) if replies else 0.0,
        slow=quantiles([reply.seconds for reply in replies], n=20)[-1] if len(replies) >= FEWEST else None,
        price=1000 * spent if (spent := _mean([reply.cost for reply in replies])) is not None else None,
        flaky=sum(name in row.flaky for row in repeated) / len(repeated) if repeated else None,
    )


def targets(run: Run) -> set[str]:
    """Names of the target suites; of all suites where there is none."""
    names = {suite.name for suite in run.suites if isinstance(suite.role, Target)}
    return names or {suite.name for suite in run.suites}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
