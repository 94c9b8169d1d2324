"""Average runs for tables."""

from collections.abc import Sequence

from harness.core.repeats import joined
from harness.types import Result, Run, Suite


def means(runs: dict[str, Run]) -> list[tuple[str, str, int, float | None, int, int]]:
    """Rows of suite, arm, scored cases, mean of the suite's metric, errors, results with a reply that was cut off."""
    rows = []
    for suite in dict.fromkeys(suite for run in runs.values() for suite in run.suites):
        for name, run in runs.items():
            mine = [result for result in run.results if result.suite == suite.name]
            scores = [score for result in mine if (score := result.score(suite.metric)) is not None]
            mean = _mean(mine, suite) if suite.across else sum(scores) / len(scores) if scores else None
            errors, cut_off = sum(bool(result.error) for result in mine), sum(result.cut_off for result in mine)
            rows.append((suite.name, name, len(scores), mean, errors, cut_off))
    return rows


def _mean(results: Sequence[Result], suite: Suite) -> float | None:
    """Mean over the cases of what their repeats are joined to."""
    cases: dict[str, list[float]] = {}
    for result in results:
        score = result.score(suite.metric)
        if score is not None:
            cases.setdefault(result.case_id, []).append(score)
    values = [value for scores in cases.values() if (value := joined(scores, suite.across)) is not None]
    return sum(values) / len(values) if values else None
