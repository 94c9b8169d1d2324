"""Compute the geometry of the report's drawings. Templates draw them as inline SVG; nothing here writes markup."""

import math
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from harness.types import CurvePoint
from reports.parts.summary import SuiteRow

WIDTH, PAD = 300.0, 10.0
"""Drawing units of an interval plot: its width, and what is kept free at both ends."""


class Tick(Struct):
    x: float
    label: str


class Axis(Struct):
    """A scale that suites of one role share, so that their intervals can be compared by eye."""

    low: float
    high: float
    share: bool
    ticks: list[Tick]

    def x(self, value: float) -> float:
        """Drawing unit of a difference, clipped to the plot."""
        part = (value - self.low) / (self.high - self.low)
        return round(PAD + min(1.0, max(0.0, part)) * (WIDTH - 2 * PAD), 1)


class Bar(Struct):
    """One interval: everything in drawing units."""

    zero: float
    bound: float | None
    low: float | None
    high: float | None
    at: float | None
    outcome: str
    below: bool
    """The interval is asked to lie below its bound (a budget), not above."""


def axis(rows: Sequence[SuiteRow]) -> Axis:
    """A scale that holds zero, every bound and every interval of `rows`."""
    values = [0.0]
    for row in rows:
        values += [v for v in (row.low, row.high, row.bound, row.estimate) if v is not None]
    low, high = min(values), max(values)
    room = max((high - low) * 0.08, 0.005)
    low, high = low - room, high + room
    share = all(row.share and row.role != "budget" for row in rows)
    scale = Axis(low=low, high=high, share=share, ticks=[])
    scale.ticks = [Tick(scale.x(value), _label(value, share)) for value in nice_ticks(low, high, 5)]
    return scale


def bar(row: SuiteRow, scale: Axis) -> Bar:
    """Where to draw one suite's interval."""

    def place(value: float | None) -> float | None:
        return None if value is None else scale.x(value)

    return Bar(
        scale.x(0.0),
        place(row.bound),
        place(row.low),
        place(row.high),
        place(row.estimate),
        row.outcome,
        row.role == "budget",
    )


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round values inside low..high: multiples of 1, 2 or 5 times a power of ten."""
    raw = (high - low) / count
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 10) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _label(value: float, share: bool) -> str:
    shown = value * 100 if share else value
    return f"{shown:+g}".replace("-", "−") if shown else "0"


class Line(Struct):
    """One series of a line plot."""

    name: str
    points: list[tuple[float, float]]

    @property
    def path(self) -> str:
        """SVG path data."""
        return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in self.points) if self.points else ""


class Chart(Struct):
    """A line plot in drawing units, with its two axes."""

    width: float
    height: float
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    """`x` of these holds the y coordinate."""
    mark: float | None = None
    """x of a vertical mark, such as the chosen checkpoint."""


def chart(
    series: Iterable[tuple[str, list[tuple[float, float]]]],
    *,
    width: float = 420,
    height: float = 150,
    mark: float | None = None,
    top: float | None = None,
    x_marks: Sequence[tuple[float, str]] | None = None,
    y_label: Callable[[float], str] = "{:g}".format,
) -> Chart | None:
    """Lay out named series of (x, y) on one pair of axes that start at y = 0; None when no series has two points.

    `x_marks`: where the x axis is labelled and how; without them at round numbers.
    """
    drawn = [(name, points) for name, points in series if len(points) > 1]
    if not drawn:
        return None
    xs = [x for _, points in drawn for x, _ in points]
    ys = [y for _, points in drawn for _, y in points]
    x_low, x_high, y_low, y_high = min(xs), max(xs), min(0.0, *ys), top if top is not None else max(ys) or 1.0
    left, right, above, below = 40.0, 20.0, 10.0, 22.0
    round_marks = [(v, f"{v:g}") for v in nice_ticks(x_low, x_high, 5)] if x_high > x_low else []
    marks = round_marks if x_marks is None else x_marks

    def to_x(x: float) -> float:
        return left + (x - x_low) / ((x_high - x_low) or 1) * (width - left - right)

    def to_y(y: float) -> float:
        return above + (1 - (y - y_low) / ((y_high - y_low) or 1)) * (height - above - below)

    return Chart(
        width=width,
        height=height,
        lines=[Line(name, [(to_x(x), to_y(y)) for x, y in points]) for name, points in drawn],
        x_ticks=[Tick(to_x(v), text) for v, text in marks],
        y_ticks=[Tick(to_y(v), y_label(v)) for v in nice_ticks(y_low, y_high, 3)] if y_high > y_low else [],
        mark=to_x(mark) if mark is not None else None,
    )


def loss_chart(curve: Sequence[CurvePoint], chosen: float | None) -> Chart | None:
    """Training and validation loss over steps."""
    return chart(
        [
            ("training loss", [(p.step, p.loss) for p in curve if p.step]),
            ("validation loss", [(p.step, p.validation_loss) for p in curve if p.validation_loss is not None]),
        ],
        mark=chosen,
    )


def score_chart(curve: Sequence[CurvePoint], chosen: float | None) -> Chart | None:
    """The task score of each checkpoint over steps."""
    return chart([("task score", [(p.step, p.score) for p in curve if p.score is not None])], mark=chosen, top=1.0)
