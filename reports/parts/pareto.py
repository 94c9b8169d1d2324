"""Compare candidates of a tournament by quality, cost, latency and size, and find those that nothing beats in all of them."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from harness.types import CandidateResult, Story
from reports.parts.plots import Tick, nice_ticks

WIDTH, HEIGHT = 300.0, 190.0
LEFT, RIGHT, ABOVE, BELOW = 40.0, 14.0, 14.0, 26.0
ROOM = 0.12
"""Share of the values' range that is left free at each end."""
MEGABYTE = 1e6


class CandidateDot(Struct):
    x: float
    y: float
    name: str
    kind: str
    """`winner`, `front` or `beaten`."""
    anchor: str
    """Where its name begins: `start` right of it, `end` left of it."""
    below: bool
    """Whether its name is under it, as another one is close above."""


class Panel(Struct):
    """Quality (up) against one price (across), in drawing units."""

    title: str
    dots: list[CandidateDot]
    x_ticks: list[Tick]
    y_ticks: list[Tick]


class Pareto(Struct):
    winner: str
    rows: list[tuple[CandidateResult, bool]]
    """Each candidate, and whether it is on the front."""
    panels: list[Panel]


def pareto(story: Story) -> Pareto | None:
    """The candidates of the verdict's tournament, the winner first; None where there was none."""
    if story.tournament is None:
        return None
    results = story.tournament.results
    asked = [result for result in results if not result.ended]
    front = {result.name for result in asked if not any(beats(other, result) for other in asked)}
    axes: list[tuple[str, Callable[[CandidateResult], float | None]]] = [
        (f"Cost of 1,000 replies{f', {story.cost.currency}' if story.cost.currency else ''}", _cost),
        ("Seconds a reply", lambda result: result.seconds or None),
        ("Size, MB", lambda result: result.bytes / MEGABYTE or None),
    ]
    panels = (
        _panel(title, asked, [price(one) for one in asked], front, story.tournament.winner) for title, price in axes
    )
    return Pareto(
        winner=story.tournament.winner,
        rows=[(result, result.name in front) for result in results],
        panels=[panel for panel in panels if panel],
    )


def beats(one: CandidateResult, other: CandidateResult) -> bool:
    """Whether `one` is at least as good in everything that is known of both, and better in something (Pareto)."""
    pairs = list(zip(_losses(one), _losses(other), strict=True))
    known = [(mine, theirs) for mine, theirs in pairs if mine is not None and theirs is not None]
    return all(mine <= theirs for mine, theirs in known) and any(mine < theirs for mine, theirs in known)


def _losses(result: CandidateResult) -> tuple[float | None, ...]:
    """What should be small."""
    return result.broken_guards, -result.quality, result.cost, result.seconds or None, float(result.bytes) or None


def _cost(result: CandidateResult) -> float | None:
    return None if result.cost is None else 1000 * result.cost


def _panel(
    title: str, asked: Sequence[CandidateResult], prices: Sequence[float | None], front: set[str], winner: str
) -> Panel | None:
    """None where a price is not known of two candidates at least."""
    known = [(result, price) for result, price in zip(asked, prices, strict=True) if price is not None]
    if len(known) < 2:
        return None
    x_low, x_high = _ends([price for _, price in known])
    y_low, y_high = _ends([result.quality for result, _ in known])

    def to_x(value: float) -> float:
        return LEFT + (value - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    def to_y(value: float) -> float:
        return ABOVE + (1 - (value - y_low) / (y_high - y_low)) * (HEIGHT - ABOVE - BELOW)

    dots: list[CandidateDot] = []
    for result, price in sorted(known, key=lambda each: (-each[0].quality, each[1])):
        x, y = to_x(price), to_y(result.quality)
        kind = "winner" if result.name == winner else "front" if result.name in front else "beaten"
        close = any(abs(dot.y - y) < 14 and abs(dot.x - x) < 90 for dot in dots)
        dots.append(CandidateDot(x, y, result.name, kind, "end" if x > WIDTH / 2 else "start", close))
    return Panel(
        title=title,
        dots=dots,
        x_ticks=[Tick(to_x(value), f"{value:g}") for value in nice_ticks(x_low, x_high, 3) if x_low <= value <= x_high],
        y_ticks=[
            Tick(to_y(value), f"{100 * value:.3g} %")
            for value in nice_ticks(y_low, y_high, 3)
            if y_low <= value <= y_high
        ],
    )


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Where an axis begins and ends: some room around the values, also around a single one."""
    low, high = min(values), max(values)
    room = (high - low) * ROOM or abs(high) * ROOM or 1.0
    return low - room, high + room
