"""Measure what an answer cost: tokens, seconds or money, for suites whose role is `budget(limit)`."""

from typing import Any

from harness.errors import UsageError
from harness.types import Reply, Score

MEASURES = ("output_tokens", "input_tokens", "total_tokens", "seconds", "cost")


def budget(*replies: Any, measure: str = "output_tokens") -> Score:
    """The sum of `measure` over the replies of a case; lower is better, and `budget(limit)` says how low.

    `seconds` is each reply's share of its batch's wall-clock time; a reply from the cache keeps the time that it took.
    `cost` is in the currency of the endpoint's `prices`. Raises UsageError on an unknown measure, ValueError when a backend
    reported no tokens or no price is known.
    """
    if measure not in MEASURES:
        raise UsageError(f"there is no measure {measure!r}", next=f"one of {', '.join(MEASURES)}")
    return Score(name=measure, value=float(sum(_amount(reply, measure) for reply in replies)))


def _amount(reply: Reply, measure: str) -> float:
    if measure == "seconds":
        return reply.seconds
    if measure == "cost":
        if reply.cost is None:
            raise ValueError("no price is known: set `prices` in the options of the arm")
        return reply.cost
    wanted = {"output_tokens": ["output"], "input_tokens": ["input"]}.get(measure, ["input", "output"])
    counts = [getattr(reply.usage, name) for name in wanted]
    if None in counts:
        raise ValueError("the backend reported no token counts")
    return float(sum(counts))
