"""Lay out all suites against all arms: each cell a mean with its interval."""

from msgspec import Struct

from harness.types import ArmMean, Budget, Run, Story, Suite
from reports.parts.cases import CaseRow
from reports.parts.words import level, number, percent, role_name


class Cell(Struct):
    mean: str
    span: str = ""
    """`70.1% to 83.0%`; empty where there is no interval."""


class MatrixRow(Struct):
    suite: str
    about: str
    """Its role, owner and tags."""
    purpose: str
    """The first paragraph of its docstring."""
    cells: list[Cell]


class Matrix(Struct):
    arms: list[str]
    rows: list[MatrixRow]
    level: str
    """`95 %`; empty where no cell has an interval."""


def matrix(story: Story, rows: list[CaseRow]) -> Matrix:
    """Suites in the order of the first run that has them, arms in that of the runs."""
    arms = [run.arm.name for run in story.runs]
    known = {(mean.suite, mean.arm): mean for mean in story.arm_means}
    levels = {mean.interval.level for mean in story.arm_means if mean.interval}
    suites = suites_of(story.runs).values()
    plain = {} if known else _plain_means(rows, arms)
    return Matrix(
        arms=arms,
        rows=[
            MatrixRow(suite.name, about(suite), suite.about, [_cell(suite, known, plain, arm) for arm in arms])
            for suite in suites
        ],
        level=level(max(levels)) if levels else "",
    )


def suites_of(runs: tuple[Run, ...]) -> dict[str, Suite]:
    """Name to suite, over all runs."""
    suites: dict[str, Suite] = {}
    for run in runs:
        for suite in run.suites:
            suites.setdefault(suite.name, suite)
    return suites


def about(suite: Suite) -> str:
    """`guard · owner ann · safety, slow`."""
    owner = f"owner {suite.owner}" if suite.owner else ""
    return " · ".join(filter(None, (role_name(suite.role), owner, ", ".join(suite.tags))))


def _cell(suite: Suite, known: dict[tuple[str, str], ArmMean], plain: dict[tuple[str, str], float], arm: str) -> Cell:
    mean = known.get((suite.name, arm))
    value = mean.mean if mean else plain.get((suite.name, arm))
    ends = (mean.interval.low, mean.interval.high) if mean and mean.interval else ()
    share = not isinstance(suite.role, Budget) and all(0 <= each <= 1 for each in (value or 0.0, *ends))
    shown = percent if share else number
    return Cell(shown(value), " to ".join(shown(end) for end in ends))


def _plain_means(rows: list[CaseRow], arms: list[str]) -> dict[tuple[str, str], float]:
    """Means without intervals, of a story that has none."""
    values: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        for arm in arms:
            score = row.scores.get(arm)
            if score is not None:
                values.setdefault((row.suite, arm), []).append(score)
    return {key: sum(scores) / len(scores) for key, scores in values.items()}
