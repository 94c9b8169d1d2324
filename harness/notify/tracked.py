"""Put together what a tracker of experiments keeps of a night: metrics, parameters, tags, files."""

import re
from collections.abc import Iterator
from pathlib import Path

from harness.core.codec import digest
from harness.core.plugins import helper
from harness.notify.notice import EXITS
from harness.types import Noun, Story

ODD = re.compile(r"[^\w\-./ :]+")
"""What trackers refuse in the name of a metric."""


class TrackedNight(Noun, frozen=True):
    """Plain values of one verdict."""

    project: str
    verdict: str
    """Content id: a night is logged once."""
    name: str
    """Of the run, for people: the date and the outcome."""
    at_ns: int
    metrics: dict[str, float]
    """Such as `evals/refunds::eval_refunds/tuned` and `.../over base`."""
    params: dict[str, str]
    tags: dict[str, str]
    files: tuple[str, ...]
    """The reports, on this machine."""


def of_story(story: Story, files: tuple[str, ...]) -> TrackedNight:
    """What is logged of a story. Values that are not known are left out."""
    words, verdict = helper("reports", "parts.words"), story.verdict
    return TrackedNight(
        project=story.title,
        verdict=verdict.id,
        name=f"{words.moment(verdict.at_ns)} {verdict.outcome}",
        at_ns=verdict.at_ns,
        metrics={ODD.sub("_", name): float(value) for name, value in _metrics(story)},
        params={name: text[:500] for name, text in _params(story) if text},
        tags={f"trueup.{name}": text[:500] for name, text in _tags(story) if text},
        files=tuple(path for path in files if Path(path).is_file()),
    )


def _metrics(story: Story) -> Iterator[tuple[str, float]]:
    """Each suite's mean under each arm, the difference to each baseline with its interval, the net effect, what 1,000 calls cost."""
    for mean in story.arm_means:
        yield f"{mean.suite}/{mean.arm}", mean.mean
    for finding in story.verdict.findings:
        if finding.estimate is None or finding.interval is None:
            continue
        if finding.suite and finding.rule in ("target", "guard"):
            name = f"{finding.suite}/over {finding.baseline}"
        elif finding.rule == "net_effect":
            name = "net effect"
        else:
            continue
        yield name, finding.estimate
        yield f"{name} low", finding.interval.low
        yield f"{name} high", finding.interval.high
    cases, costs = helper("reports", "parts.cases"), helper("reports", "parts.costs")
    for cost in costs.arm_costs(story, cases.case_rows(story)):
        given = {"cost": cost.price, "input tokens": cost.input and 1000 * cost.input}
        given |= {"output tokens": cost.output and 1000 * cost.output}
        yield from ((f"per 1000 calls/{cost.arm} {name}", value) for name, value in given.items() if value is not None)
    yield from ((f"seconds/{name}", value) for name, value in story.seconds.items())
    yield "exit code", float(EXITS[story.verdict.outcome])


def _params(story: Story) -> Iterator[tuple[str, str]]:
    yield "candidate", story.policy.candidate
    yield "baselines", ", ".join(story.policy.baselines)
    yield "alpha", f"{story.policy.alpha:g}"
    for run in story.runs:
        yield f"{run.arm.name} backend", run.arm.backend
        yield f"{run.arm.name} model", Path(run.arm.model).name
        yield f"{run.arm.name} prompt", run.arm.prompt.name
    if story.adapter:
        recipe = story.adapter.recipe
        yield from (
            ("method", recipe.method),
            ("rank", str(recipe.rank)),
            ("learning rate", f"{recipe.learning_rate:g}"),
        )
        yield from (("steps", str(story.adapter.steps)), ("rows", str(story.adapter.rows.get("trained", 0))))


def _tags(story: Story) -> Iterator[tuple[str, str]]:
    verdict = story.verdict
    yield from (("project", story.title), ("verdict", verdict.id), ("outcome", verdict.outcome))
    yield from (("sentence", verdict.sentence), ("candidate", verdict.candidate), ("champion", verdict.champion))
    yield "dataset", verdict.dataset
    yield "suites", digest([suite.digest for run in story.runs[:1] for suite in run.suites])
    if story.adapter:
        yield from (("adapter", story.adapter.id), ("base", story.adapter.base))
