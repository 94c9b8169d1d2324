"""Make the columns that cases are filtered and sorted by: further scores, tokens, seconds and turns of each arm, and the
columns of their rows."""

from collections.abc import Callable, Iterator

from harness.types import Json, Result, Story
from reports.parts.cases import CaseRow
from reports.parts.safe import line

MOST_FIELDS, LONGEST = 24, 60
"""Columns of eval files that are offered, and characters of a value; longer values are no use to filter by."""

Measure = Callable[[Result], float | None]


def columns(story: Story, rows: list[CaseRow]) -> list[dict[str, Json]]:
    """Name and values in the order of `rows`; a column without any value is left out. The suites' own metrics are not here."""
    return [
        {"name": name, "values": values}
        for name, values in (*_measured(story, rows), *_fields(rows))
        if any(value is not None for value in values)
    ]


def _measured(story: Story, rows: list[CaseRow]) -> Iterator[tuple[str, list[Json]]]:
    metrics = {suite.name: suite.metric for run in story.runs for suite in run.suites}
    for run in story.runs:
        arm = run.arm.name
        names = dict.fromkeys(s.name for r in run.results for s in r.scores if s.name != metrics.get(r.suite))
        for name in names:
            yield f"{arm}.{name}", [_mean(row, arm, _scored(name)) for row in rows]
        yield f"{arm}.tokens", [_mean(row, arm, _tokens) for row in rows]
        yield f"{arm}.seconds", [_mean(row, arm, _seconds) for row in rows]
        if any(len(result.replies) > 1 for result in run.results):
            yield f"{arm}.turns", [_mean(row, arm, lambda result: float(len(result.replies))) for row in rows]


def _fields(rows: list[CaseRow]) -> Iterator[tuple[str, list[Json]]]:
    """Columns whose values are short; in the order in which cases have them."""
    names = list(dict.fromkeys(name for row in rows for name in row.case.fields))
    given = 0
    for name in names:
        values = [_short(row.case.fields.get(name)) for row in rows]
        if given < MOST_FIELDS and any(value is not None for value in values):
            given += 1
            yield f"case.{name}", values


def _short(value: Json) -> Json:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return value
    return line(value) if isinstance(value, str) and len(value) <= LONGEST else None


def _scored(name: str) -> Measure:
    return lambda result: result.score(name)


def _tokens(result: Result) -> float | None:
    counts = [reply.usage.output for reply in result.replies if reply.usage.output is not None]
    return float(sum(counts)) if counts else None


def _seconds(result: Result) -> float | None:
    return sum(reply.seconds for reply in result.replies) or None


def _mean(row: CaseRow, arm: str, measure: Measure) -> float | None:
    results = row.results.get(arm, ())
    if len(results) == 1:  # no repeats, as mostly
        value = measure(results[0])
        return None if value is None else _tidy(value)
    known = [value for result in results if (value := measure(result)) is not None]
    return _tidy(sum(known) / len(known)) if known else None


def _tidy(value: float) -> float:
    return int(value) if value == int(value) else round(value, 3)
