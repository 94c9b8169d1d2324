"""Bound what a session may take: turns, tokens, seconds and money, over everything that is asked on its behalf."""

from collections.abc import Callable, Sequence

import msgspec

from harness.errors import UsageError
from harness.types import Reply

TURNS = 40
"""Replies of the model, unless the session says otherwise."""


class SessionLimits(msgspec.Struct, frozen=True):
    """The most that a session may take. None: as much as it likes."""

    turns: int = TURNS
    """Replies of the model."""
    tokens: int | None = None
    """Input and output of all replies. A prefix that is read again counts again, as it does on a bill."""
    seconds: float | None = None
    """The replies' share of the batches that they came in, and the time of the tools."""
    cost: float | None = None
    """In the currency of the arm's `prices`."""


class Spending:
    """Counts what a session has taken. A session that a tool opens, such as an agent's, counts for the one above too."""

    def __init__(
        self, limits: SessionLimits, replies: Callable[[], Sequence[Reply]], above: "Spending | None" = None
    ) -> None:
        for name in ("turns", "tokens", "seconds", "cost"):
            most = getattr(limits, name)
            if most is not None and not most > 0:
                raise UsageError(f"{name} must be above 0, not {most!r}", next=f"model.session(..., {name}=...)")
        self.limits, self.above = limits, above
        self.tool_seconds = 0.0
        self._replies, self._start = replies, len(replies())

    @property
    def replies(self) -> Sequence[Reply]:
        """The replies since the session was opened, with those of sessions that its tools opened."""
        return self._replies()[self._start :]

    @property
    def tokens(self) -> int:
        """Input and output of its replies; what no backend counted is 0."""
        return sum((reply.usage.input or 0) + (reply.usage.output or 0) for reply in self.replies)

    @property
    def seconds(self) -> float:
        return self.tool_seconds + sum(reply.seconds for reply in self.replies)

    def add_tool_seconds(self, seconds: float) -> None:
        self.tool_seconds += seconds
        if self.above is not None:
            self.above.add_tool_seconds(seconds)

    def used_up(self) -> str:
        """Name of the first limit that is reached, of this session or of one above; empty when there is none."""
        return self._own() or (self.above.used_up() if self.above is not None else "")

    def _own(self) -> str:
        limits, replies = self.limits, self.replies
        if len(replies) >= limits.turns:
            return "turns"
        if limits.tokens is not None and self.tokens >= limits.tokens:
            _counted("tokens", [reply.usage.input for reply in replies])
            return "tokens"
        if limits.seconds is not None and self.seconds >= limits.seconds:
            return "seconds"
        if limits.cost is not None:
            _counted("cost", [reply.cost for reply in replies])
            if sum(reply.cost or 0.0 for reply in replies) >= limits.cost:
                return "cost"
        return ""


def _counted(name: str, known: Sequence[float | None]) -> None:
    """Raises UsageError when nothing is known of what a limit bounds: it would never be reached."""
    if None in known:
        raise UsageError(
            f"a limit of {name} cannot be kept: the backend does not report it",
            next="set `prices` in the options of the arm" if name == "cost" else "leave the limit out",
        )
