"""Score tool calls: the right tools, with the right arguments, in the right order, and none that is forbidden."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.evaluate.scorers._common import Comparator, required
from harness.evaluate.scorers._made import Call, agree, calls_of, read_call, shown_call
from harness.types import Score


def calls(
    made: Any,
    expected: Any,
    *,
    order: bool = True,
    extra: bool = False,
    never: Sequence[str] = (),
    compare: Mapping[str, Comparator] | None = None,
) -> tuple[Score, ...]:
    """Scores `calls` (deciding), `tools` (names alone) and `call_f1` of the tool calls that a model made.

    `made` is a reply, a session, or `session.calls`. An expected call is a name, or an object with `name` and, where they matter,
    `arguments`; `expected` may also be that of a mined case: `{"tool_calls": [...]}`, or text where no tool was right.
    `order` False lets them come in any order, `extra` True lets there be others between them; a tool named
    in `never` must not be called at all. `compare` holds a comparator per argument name.
    """
    said = [read_call(call) for call in calls_of(made)]
    wanted = [read_call(call) for call in _wanted(expected)]
    pairs = _match(said, wanted, order, compare or {})
    names = _match([(name, None) for name, _ in said], [(name, None) for name, _ in wanted], order, {})
    forbidden = sorted({name for name, _ in said} & set(never))
    spare = 0 if extra else len(said) - len(pairs)
    problems = [f"must not call {name}" for name in forbidden]
    problems += [f"expected {shown_call(wanted[i])}" for i in range(len(wanted)) if i not in {w for _, w in pairs}]
    problems += [f"got {shown_call(said[i])}" for i in range(len(said)) if spare and i not in {s for s, _ in pairs}]
    right_names = len(names) == len(wanted) and (extra or len(said) == len(names)) and not forbidden
    total = len(said) + len(wanted)
    return (
        Score(name="calls", value=float(not problems), explanation="; ".join(problems)),
        Score(name="tools", value=float(right_names)),
        Score(name="call_f1", value=2 * len(pairs) / total if total else 1.0),
    )


def _wanted(expected: Any) -> Sequence[Any]:
    if isinstance(expected, Mapping) and "tool_calls" in expected:
        listed: Sequence[Any] = expected["tool_calls"]
        return listed
    return () if isinstance(required(expected, empty=True), str) else expected


def _match(
    said: Sequence[Call], wanted: Sequence[Call], order: bool, compare: Mapping[str, Comparator]
) -> list[tuple[int, int]]:
    """Pairs (said, wanted) that agree, greedily from the front; with `order`, each after the one before."""
    pairs: list[tuple[int, int]] = []
    for index, want in enumerate(wanted):
        start = pairs[-1][0] + 1 if order and pairs else 0
        taken = {made for made, _ in pairs}
        free = (made for made in range(start, len(said)) if made not in taken and agree(said[made], want, compare))
        found = next(free, None)
        if found is not None:
            pairs.append((found, index))
    return pairs
