"""Draw the last nights small: the verdict of each, the means of each suite, the failures of each cluster."""

from msgspec import Struct

from harness.types import Budget, HistoryPoint, Story
from reports.parts.cases import CaseRow, candidate, case_rows
from reports.parts.cluster_names import cluster_names
from reports.parts.matrix import suites_of
from reports.parts.plots import Chart, Line, chart
from reports.parts.words import moment, number, short_name, whole_percent

WIDTH, HEIGHT, PAD = 220.0, 36.0, 5.0
MOST_CHARTS = 8
MOST_CLUSTERS = 12
"""Lines of the table of clusters; the index over all nights has the same."""


class Night(Struct):
    """One dot of the verdict line."""

    at: str
    outcome: str
    adapter: str
    report: str
    """Relative path of that night's page; empty where there is none, or where the path leads elsewhere."""


class Spark(Struct):
    """One small line over the nights."""

    name: str
    title: str
    lines: list[Line]
    first: float
    last: float
    change: float
    """Last night against the one before."""
    share: bool
    """Told in percent and points; else in the units of the score."""


class SuiteTrend(Struct):
    """The means of a suite over the nights, with dates and a scale."""

    title: str
    drawn: Chart


class Trend(Struct):
    nights: list[Night]
    charts: list[SuiteTrend]
    suites: list[Spark]
    clusters: list[Spark]


def trend(story: Story, rows: list[CaseRow] | None = None, nights: int = 60) -> Trend:
    """Trend over the newest `nights` of the story's history, oldest first. `rows`: its cases, where they are made already."""
    points = sorted(story.history, key=lambda point: point.at_ns)[-nights:]
    suites = list(dict.fromkeys(name for point in points for name in point.means))
    shares = {name: is_share(story, name) for name in suites}
    judged = candidate(story) or "tuned"
    clusters = list(dict.fromkeys(name for point in points for name in point.clusters))
    labels = cluster_names(story, case_rows(story) if rows is None else rows)
    return Trend(
        nights=[Night(moment(p.at_ns), p.outcome, p.adapter[:12], _inside(p.report)) for p in points],
        charts=_charts(points, shares, judged),
        suites=[spark for name in suites if (spark := _suite(points, name, judged, shares[name]))],
        clusters=_worst(
            [spark for name in clusters if (spark := _cluster(points, name, labels.get(name) or name[:24]))],
            len(points),
        ),
    )


def is_share(story: Story, suite: str) -> bool:
    """Whether the means of a suite are told in percent: they lie in 0 to 1, and it is no budget of seconds or tokens."""
    roles = {name: each.role for name, each in suites_of(story.runs).items()}
    means = [mean for point in story.history for mean in point.means.get(suite, {}).values()]
    return not isinstance(roles.get(suite), Budget) and all(0 <= mean <= 1 for mean in means)


def _charts(points: list[HistoryPoint], shares: dict[str, bool], judged: str) -> list[SuiteTrend]:
    """One a suite, the judged arm strong; nights are spaced by their dates."""
    drawn = []
    for name, share in list(shares.items())[:MOST_CHARTS]:
        arms = sorted({arm for p in points for arm in p.means.get(name, {})}, key=lambda arm: (arm != judged, arm))
        series = [
            (arm, [(p.at_ns / 1e9, m) for p in points if (m := p.means.get(name, {}).get(arm)) is not None])
            for arm in arms
        ]
        figure = chart(
            series,
            top=1.0 if share else None,
            x_marks=_dates([p.at_ns for p in points]),
            y_label=whole_percent if share else number,
        )
        if figure:
            drawn.append(SuiteTrend(short_name(name), figure))
    return drawn


def _dates(nights: list[int]) -> list[tuple[float, str]]:
    """Up to four nights, the first and the last among them, as month and day."""
    picked = sorted({nights[round(step * (len(nights) - 1) / 3)] for step in range(4)}) if nights else []
    return [(at / 1e9, moment(at)[5:10]) for at in picked]


def _worst(sparks: list[Spark], nights: int) -> list[Spark]:
    """The clusters that fail most tonight, then those that changed; one night alone has no trend."""
    shown = sorted(
        (spark for spark in sparks if spark.last or spark.change), key=lambda spark: (-spark.last, spark.change)
    )
    return shown[:MOST_CLUSTERS] if nights > 1 else []


def _inside(path: str) -> str:
    """The path, if it is a plain relative one: no scheme, no host, no way up."""
    parts = path.replace("\\", "/").split("/")
    return "" if ":" in path or not parts[0] or ".." in parts else path


def _suite(points: list[HistoryPoint], name: str, judged: str, share: bool) -> Spark | None:
    arms = sorted({arm for point in points for arm in point.means.get(name, {})}, key=lambda arm: (arm == judged, arm))
    series = [(arm, [point.means.get(name, {}).get(arm) for point in points]) for arm in arms]
    return _spark(name, short_name(name), series, share)


def _cluster(points: list[HistoryPoint], name: str, label: str) -> Spark | None:
    return _spark(name, label, [("failing", [point.clusters.get(name) for point in points])])


def _spark(name: str, title: str, series: list[tuple[str, list[float | None]]], share: bool = False) -> Spark | None:
    """Lay out series that share one scale; the last series is the one that the numbers are of."""
    known = [value for _, values in series for value in values if value is not None]
    last = [value for value in series[-1][1] if value is not None] if series else []
    if not last:
        return None
    high = max([1.0 if share else 0.0, *known]) or 1.0
    lines = [Line(label, _points(values, high)) for label, values in series]
    return Spark(name, title, lines, last[0], last[-1], last[-1] - last[-2] if len(last) > 1 else 0.0, share)


def _points(values: list[float | None], high: float) -> list[tuple[float, float]]:
    step = (WIDTH - 2 * PAD) / max(1, len(values) - 1)
    height = HEIGHT - 2 * PAD
    return [(PAD + n * step, PAD + (1 - v / high) * height) for n, v in enumerate(values) if v is not None]
