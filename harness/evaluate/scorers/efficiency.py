"""Measure how much a session took: steps, turns, tokens, seconds."""

from collections.abc import Sequence
from typing import Protocol

from harness.errors import UsageError
from harness.types import Reply, Score


class CountedSpending(Protocol):
    """What a session took."""

    @property
    def replies(self) -> Sequence[Reply]: ...
    @property
    def seconds(self) -> float: ...


class CountedRun(Protocol):
    """A session, as `model.session(...)` gives it."""

    @property
    def calls(self) -> Sequence[object]: ...
    @property
    def spending(self) -> CountedSpending: ...


def efficiency(run: CountedRun, *, best: int = 0) -> tuple[Score, ...]:
    """Scores `step_count` (tool calls), `turn_count` (replies), `token_count` and `session_seconds`; lower is better.

    Tokens are those in and out of every reply, with the replies of agents that are its tools; there is no `token_count`
    where the backend reports none. With `best`, the fewest tool calls that do the task, the first score is `efficiency`:
    best / steps, at most 1. Name one by `@suite(metric="token_count", role=budget(limit=4000))`. Raises UsageError on a
    `best` below 0.
    """
    if best < 0:
        raise UsageError(f"the fewest steps cannot be {best}", next="best=4")
    replies = run.spending.replies
    counts = [count for reply in replies for count in (reply.usage.input, reply.usage.output)]
    known = [count for count in counts if count is not None]
    made = len(run.calls)
    scores = [
        Score(name="step_count", value=float(made)),
        Score(name="turn_count", value=float(len(replies))),
        Score(name="session_seconds", value=run.spending.seconds),
    ]
    if len(known) == len(counts):
        scores.append(Score(name="token_count", value=float(sum(known))))
    if best:
        share = min(1.0, best / made) if made else 0.0
        scores.insert(0, Score(name="efficiency", value=share, explanation=f"{made} steps, {best} are enough"))
    return tuple(scores)
