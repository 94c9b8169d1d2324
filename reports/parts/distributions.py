"""Draw how scores and seconds are spread: histograms, the two arms against each other, seconds by share of calls."""

import math
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from harness.types import Budget, Run, Story
from reports.parts.cases import CaseRow, candidate, main_baseline
from reports.parts.matrix import suites_of
from reports.parts.plots import Chart, Tick, chart, nice_ticks
from reports.parts.words import number, short_name, whole_percent

BINS, GRID = 10, 12
"""Bars of a histogram, and steps of an axis of the scatter."""
MOST_SUITES = 8
WIDTH, HEIGHT, LEFT, BELOW, ABOVE = 244.0, 150.0, 34.0, 20.0, 8.0
"""Of a histogram in drawing units: where its bars end, its height, and the room for labels."""
SIDE = 150.0
"""Of the scatter's square."""
POINTS = 60
"""Points of a line of seconds."""


class Rect(Struct):
    x: float
    y: float
    width: float
    height: float
    label: str
    judged: bool


class Histogram(Struct):
    bars: list[Rect]
    x_ticks: list[Tick]
    y_ticks: list[Tick]


class Dot(Struct):
    x: float
    y: float
    r: float
    label: str
    status: str
    """fixed above the diagonal, broken below, same on it."""


class Scatter(Struct):
    dots: list[Dot]
    ticks: list[Tick]
    """On both axes alike."""


class SuitePlot(Struct):
    suite: str
    title: str
    n: int
    histogram: Histogram
    scatter: Scatter | None


def suite_plots(story: Story, rows: list[CaseRow]) -> list[SuitePlot]:
    """One a suite, in the order of the runs; a run that is compared with none has no scatter."""
    before, after = main_baseline(story), candidate(story)
    plots = []
    for name, suite in list(suites_of(story.runs).items())[:MOST_SUITES]:
        own = [row for row in rows if row.suite == name]
        pairs = [(row.scores.get(before), row.scores.get(after)) for row in own]
        new = [after for _, after in pairs if after is not None]
        both = [(old, now) for old, now in pairs if old is not None and now is not None]
        if not new:
            continue
        share = not isinstance(suite.role, Budget)
        scatter = _scatter(both, share, isinstance(suite.role, Budget)) if before and both else None
        arms = [(before, [old for old, _ in pairs if old is not None], False)] if before else []
        histogram = _histogram([*arms, (after, new, True)], share)
        plots.append(SuitePlot(name, short_name(name), len(own), histogram, scatter))
    return plots


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """0 to 1 where all lie within; else what was seen, from 0 where that is the least."""
    low, high = min(values), max(values)
    return (0.0, 1.0) if low >= 0 and high <= 1 else (min(0.0, low), high)


def _label(value: float, low: float, high: float, share: bool) -> str:
    return whole_percent(round(value, 4)) if share and (low, high) == (0.0, 1.0) else number(value)


def _histogram(arms: list[tuple[str, list[float], bool]], share: bool) -> Histogram:
    every = [value for _, values, _ in arms for value in values]
    low, high = _ends(every)
    bins = 2 if set(every) <= {0.0, 1.0} else BINS
    width = (high - low) or 1.0
    counts = [Counter(min(bins - 1, int((v - low) / width * bins)) for v in values) for _, values, _ in arms]
    top = max(count for counted in counts for count in counted.values())
    step = (WIDTH - LEFT) / bins
    bars = []
    for place, ((arm, values, judged), counted) in enumerate(zip(arms, counts, strict=True)):
        wide = step * 0.84 / len(arms)
        for slot, count in sorted(counted.items()):
            height = count / top * (HEIGHT - ABOVE - BELOW)
            span = [_label(low + (slot + end) * width / bins, low, high, share) for end in (0, 1)]
            told = ("below full score", "full score")[slot] if bins == 2 else " to ".join(span)
            x = LEFT + slot * step + step * 0.08 + place * wide
            label = f"{arm}: {count} of {len(values)}, {told}"
            bars.append(
                Rect(round(x, 1), round(HEIGHT - BELOW - height, 1), round(wide, 1), round(height, 1), label, judged)
            )
    ends = ["fails", "passes"] if bins == 2 else []
    x_ticks = [Tick(LEFT + (slot + 0.5) * step, text) for slot, text in enumerate(ends)] or [
        Tick(LEFT + (v - low) / width * (WIDTH - LEFT), _label(v, low, high, share)) for v in nice_ticks(low, high, 4)
    ]
    y_ticks = [
        Tick(HEIGHT - BELOW - v / top * (HEIGHT - ABOVE - BELOW), f"{v:g}")
        for v in nice_ticks(0, top, 3)
        if v == int(v)
    ]
    return Histogram(bars, x_ticks, y_ticks)


def _scatter(pairs: list[tuple[float, float]], share: bool, less_is_better: bool) -> Scatter:
    """Cases with near scores are one dot, whose area is their number."""
    low, high = _ends([value for pair in pairs for value in pair])
    width = (high - low) or 1.0
    cells = Counter(tuple(round((v - low) / width * GRID) for v in pair) for pair in pairs)
    largest, room = max(cells.values()), SIDE - LEFT - BELOW

    def at(step: float) -> float:
        return 12 + step / GRID * (room - 24)

    dots = []
    for (old, new), count in sorted(cells.items()):
        better = (new < old) if less_is_better else (new > old)
        values = [_label(low + step / GRID * width, low, high, share) for step in (old, new)]
        status = "same" if old == new else "fixed" if better else "broken"
        radius = max(1.6, 11 * math.sqrt(count / largest))
        label = f"{count} {'case' if count == 1 else 'cases'}: {values[0]} to {values[1]}"
        dots.append(Dot(round(LEFT + at(old), 1), round(SIDE - BELOW - at(new), 1), round(radius, 1), label, status))
    marks = [low, high] if (low, high) == (0.0, 1.0) else nice_ticks(low, high, 3)
    ticks = [Tick(at((value - low) / width * GRID), _label(value, low, high, share)) for value in marks]
    return Scatter(dots, ticks)


def seconds_chart(runs: Sequence[Run], asked: set[str]) -> Chart | None:
    """Share of an arm's calls (y) that were answered within so many seconds (x), on the suites `asked`."""
    series = []
    for run in runs:
        taken = sorted(
            r.seconds for result in run.results if result.suite in asked for r in result.replies if r.seconds
        )
        if len(taken) > 1:
            picked = sorted({round(step * (len(taken) - 1) / POINTS) for step in range(POINTS + 1)})
            start = [(0.0, 0.0), (taken[0], 0.0)]
            series.append((run.arm.name, start + [(taken[place], (place + 1) / len(taken)) for place in picked]))
    return chart(series, top=1.0, y_label=whole_percent)
