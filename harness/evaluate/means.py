"""Average runs for tables."""

from harness.types import Run


def means(runs: dict[str, Run]) -> list[tuple[str, str, int, float | None, int, int]]:
    """Rows of suite, arm, scored cases, mean of the suite's metric, errors, results with a reply that was cut off."""
    rows = []
    for suite in dict.fromkeys(suite for run in runs.values() for suite in run.suites):
        for name, run in runs.items():
            mine = [result for result in run.results if result.suite == suite.name]
            scores = [score for result in mine if (score := result.score(suite.metric)) is not None]
            mean = sum(scores) / len(scores) if scores else None
            errors, cut_off = sum(bool(result.error) for result in mine), sum(result.cut_off for result in mine)
            rows.append((suite.name, name, len(scores), mean, errors, cut_off))
    return rows
