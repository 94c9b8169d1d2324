"""Compute what to expect of 1,000 calls under each arm: right answers, tokens, seconds, money; and when an adapter pays off."""

from collections.abc import Sequence
from statistics import median, quantiles

from msgspec import Struct

from harness.types import CostSettings, Reply, Run, Story, Target
from reports.parts.cases import CaseRow, candidate
from reports.parts.trend import is_share

PROMPTED = "prompted"
"""The arm with production's prompt, which the adapter makes superfluous."""
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
    """Of 1,000 calls: by the arm's `prices`, else by the time of the machine; None where neither is known."""
    flaky: float | None
    """Share of cases whose repeats disagree; None with one repeat."""
    saved: float | None = None
    """Share of this arm's input tokens that the judged arm does without; negative when it needs more."""
    right: float | None = None
    """Mean score on the target suites whose scores are shares, by cases: the right answers of 1,000 calls, over 1,000."""


def arm_costs(story: Story, rows: list[CaseRow]) -> list[ArmCost]:
    """One row an arm, in the story's order."""
    costs = [_arm_cost(run, rows, story.cost) for run in story.runs]
    for cost, run in zip(costs, story.runs, strict=True):
        cost.right = _right(story, run)
    judged = next((cost.input for cost in costs if cost.arm == candidate(story)), None)
    for cost in costs:
        if cost.arm != candidate(story) and cost.input and judged is not None:
            cost.saved = 1 - judged / cost.input
    return costs


def _right(story: Story, run: Run) -> float | None:
    means = [
        mean
        for mean in story.arm_means
        if mean.arm == run.arm.name
        and mean.suite in targets(run)
        and is_share(story, mean.suite)
        and 0 <= mean.mean <= 1
    ]
    count = sum(mean.n for mean in means)
    return sum(mean.mean * mean.n for mean in means) / count if count else None


def _arm_cost(run: Run, rows: list[CaseRow], settings: CostSettings) -> ArmCost:
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
        price=_price(replies, settings),
        flaky=sum(name in row.flaky for row in repeated) / len(repeated) if repeated else None,
    )


def _price(replies: Sequence[Reply], settings: CostSettings) -> float | None:
    asked = _mean([reply.cost for reply in replies])
    if asked is None and settings.machine_hour and replies:
        asked = settings.of_machine(sum(reply.seconds for reply in replies) / len(replies))
    return None if asked is None else 1000 * asked


class BreakEven(Struct):
    """When the adapter has paid for its training, held against the arm with the long prompt."""

    arm: str
    """The arm that it spares."""
    training: float
    """What the training cost."""
    saved: float
    """Of 1,000 calls; 0 or less: it never pays off."""
    calls: float | None
    """Calls until then."""
    days: float | None
    """At the traffic of production; None where that is not known, or never."""


def break_even(story: Story, costs: Sequence[ArmCost]) -> BreakEven | None:
    """None where nothing was trained, or a price is not known."""
    prices = {cost.arm: cost.price for cost in costs}
    judged, rival = prices.get(candidate(story)), prices.get(PROMPTED)
    if story.adapter is None or not story.cost.machine_hour or judged is None or rival is None:
        return None
    training, saved = story.cost.of_machine(story.adapter.seconds), rival - judged
    calls = 1000 * training / saved if saved > 0 else None
    days = calls / story.calls_a_day if calls is not None and story.calls_a_day else None
    return BreakEven(arm=PROMPTED, training=training, saved=saved, calls=calls, days=days)


def pays_off(even: BreakEven, settings: CostSettings) -> str:
    """The break-even in a sentence."""
    words = settings.words
    if even.calls is None:
        return f"The adapter never pays off against {even.arm}: 1,000 calls cost {words(-even.saved)} more."
    when = f", {even.days:,.1f} days of production's traffic" if even.days is not None else ""
    return (
        f"The training cost {words(even.training)}; against {even.arm} it saves {words(even.saved)} of 1,000 calls and has "
        f"paid off after {even.calls:,.0f} calls{when}."
    )


def targets(run: Run) -> set[str]:
    """Names of the target suites; of all suites where there is none."""
    names = {suite.name for suite in run.suites if isinstance(suite.role, Target)}
    return names or {suite.name for suite in run.suites}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
