"""Check the steps of a session: calls at their places, in an order, after others, at least or at most so often, or never."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.errors import UsageError
from harness.evaluate.scorers._common import Comparator
from harness.evaluate.scorers._made import Call, agree, calls_of, read_call, shown_call
from harness.types import Score

Wanted = str | Mapping[str, Any]
"""A name, or an object with `name` and, where they matter, `arguments`."""


def steps(
    made: Any,
    *,
    at: Mapping[int, Wanted] | None = None,
    order: Sequence[Wanted] = (),
    must: Sequence[Wanted] = (),
    never: Sequence[Wanted] = (),
    needs: Mapping[str, Wanted] | None = None,
    most: Mapping[str, int] | None = None,
    compare: Mapping[str, Comparator] | None = None,
) -> tuple[Score, ...]:
    """Scores `steps` (1 when every rule is kept; decides) and `steps_kept`, the share of rules that are.

    `made` is a session, `session.calls` or a reply. `at` names the call at a place, counted from 0, or from the end with -1;
    `order` are calls that come in this order, with any others between; `must` must come, `never` must not; `needs` names for
    a tool a call that must have come before each of its calls; `most` bounds how often a tool is called. `compare` holds a
    comparator per argument name. Raises UsageError without any rule.
    """
    calls = [read_call(call) for call in calls_of(made)]
    comparators = compare or {}
    kept = [
        *(_at(calls, place, read_call(wanted), comparators) for place, wanted in (at or {}).items()),
        *([_in_order(calls, [read_call(wanted) for wanted in order], comparators)] if order else []),
        *(_comes(calls, read_call(wanted), comparators) for wanted in must),
        *(_never(calls, read_call(wanted), comparators) for wanted in never),
        *(_needs(calls, name, read_call(wanted), comparators) for name, wanted in (needs or {}).items()),
        *(_most(calls, name, bound) for name, bound in (most or {}).items()),
    ]
    if not kept:
        raise UsageError(
            "score.steps has no rule to check", next='at={0: "find_order"}, order=, must=, never=, needs=, most='
        )
    problems = [problem for problem in kept if problem]
    return (
        Score(name="steps", value=float(not problems), explanation="; ".join(problems)),
        Score(name="steps_kept", value=1 - len(problems) / len(kept)),
    )


def _at(calls: Sequence[Call], place: int, wanted: Call, compare: Mapping[str, Comparator]) -> str:
    number = place + 1 if place >= 0 else len(calls) + place + 1
    if not 1 <= number <= len(calls):
        return f"there is no step {number if place >= 0 else place}, expected {shown_call(wanted)}"
    call = calls[number - 1]
    right = agree(call, wanted, compare)
    return "" if right else f"step {number}: expected {shown_call(wanted)}, got {shown_call(call)}"


def _in_order(calls: Sequence[Call], wanted: Sequence[Call], compare: Mapping[str, Comparator]) -> str:
    rest: Iterator[Call] = iter(calls)
    for place, want in enumerate(wanted):
        if not any(agree(call, want, compare) for call in rest):
            after = f" after {shown_call(wanted[place - 1])}" if place else ""
            return f"expected {shown_call(want)}{after}"
    return ""


def _comes(calls: Sequence[Call], wanted: Call, compare: Mapping[str, Comparator]) -> str:
    return "" if any(agree(call, wanted, compare) for call in calls) else f"must call {shown_call(wanted)}"


def _never(calls: Sequence[Call], banned: Call, compare: Mapping[str, Comparator]) -> str:
    place = next((n for n, call in enumerate(calls, 1) if agree(call, banned, compare)), 0)
    return f"step {place}: must not call {shown_call(banned)}" if place else ""


def _needs(calls: Sequence[Call], name: str, first: Call, compare: Mapping[str, Comparator]) -> str:
    ready = False
    for number, call in enumerate(calls, 1):
        if call[0] == name and not ready:
            return f"step {number}: {name} before {shown_call(first)}"
        ready = ready or agree(call, first, compare)
    return ""


def _most(calls: Sequence[Call], name: str, bound: int) -> str:
    count = sum(call[0] == name for call in calls)
    return f"{name} was called {count} times, at most {bound} allowed" if count > bound else ""
