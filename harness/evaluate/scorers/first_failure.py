"""Name the first step of a session that went wrong."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from harness.evaluate.scorers._common import Comparator
from harness.evaluate.scorers._made import MadeStep, agree, calls_of, read_call, shown_call
from harness.types import Score


class SteppedRun(Protocol):
    """A session, as `model.session(...)` gives it."""

    @property
    def steps(self) -> Sequence[MadeStep]: ...


def first_failure(
    run: SteppedRun, expected: Sequence[Any] | None = None, *, compare: Mapping[str, Comparator] | None = None
) -> Score:
    """The score `first_failure`: the share of the steps before the first wrong one, 1 when none is. Its label names the step.

    With `expected` calls, in their order, a step is wrong when it is another call, or one too many, and the first missing
    one is wrong too. Without them a step is wrong when a tool refused it or it could not be carried out.
    """
    if expected is None:
        refused = (number for number, step in enumerate(run.steps, 1) if step.refused)
        number = next(refused, 0)
        why = f"{run.steps[number - 1].name} was refused: {run.steps[number - 1].result[:200]}" if number else ""
        return _score(number, len(run.steps), why)
    made, wanted = ([read_call(call) for call in calls] for calls in (calls_of(run), expected))
    for number, (call, want) in enumerate(zip(made, wanted, strict=False), 1):
        if not agree(call, want, compare or {}):
            return _score(number, len(wanted), f"expected {shown_call(want)}, got {shown_call(call)}")
    if len(made) < len(wanted):
        return _score(len(made) + 1, len(wanted), f"expected {shown_call(wanted[len(made)])}, got no call")
    if len(made) > len(wanted):
        return _score(len(wanted) + 1, len(made), f"got {shown_call(made[len(wanted)])}, expected no call")
    return _score(0, len(wanted), "")


def _score(number: int, total: int, why: str) -> Score:
    if not number:
        return Score(name="first_failure", value=1.0)
    text = f"step {number}: {why}"
    return Score(name="first_failure", value=(number - 1) / total, label=f"step {number}", explanation=text)
