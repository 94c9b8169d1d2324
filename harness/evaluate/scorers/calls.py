"""Score tool calls: the right tools, with the right arguments, in the right order, and none that is forbidden."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from harness.evaluate.scorers._common import Comparator, required, shown, value_of
from harness.evaluate.scorers.json_fields import same
from harness.types import Reply, Score, ToolCallPart

Call = tuple[str, Any]
"""Name and arguments; arguments that are not a JSON object stay text."""


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

    `made` is a reply or `session.calls`. An expected call is a name, or an object with `name` and, where they matter,
    `arguments`; `expected` may also be that of a mined case: `{"tool_calls": [...]}`, or text where no tool was right.
    `order` False lets them come in any order, `extra` True lets there be others between them; a tool named
    in `never` must not be called at all. `compare` holds a comparator per argument name.
    """
    said = [_read(call) for call in _calls(made)]
    wanted = [_read(call) for call in _wanted(expected)]
    pairs = _match(said, wanted, order, compare or {})
    names = _match([(name, None) for name, _ in said], [(name, None) for name, _ in wanted], order, {})
    forbidden = sorted({name for name, _ in said} & set(never))
    spare = 0 if extra else len(said) - len(pairs)
    problems = [f"must not call {name}" for name in forbidden]
    problems += [f"expected {_shown(wanted[i])}" for i in range(len(wanted)) if i not in {w for _, w in pairs}]
    problems += [f"got {_shown(said[i])}" for i in range(len(said)) if spare and i not in {s for s, _ in pairs}]
    right_names = len(names) == len(wanted) and (extra or len(said) == len(names)) and not forbidden
    total = len(said) + len(wanted)
    return (
        Score(name="calls", value=float(not problems), explanation="; ".join(problems)),
        Score(name="tools", value=float(right_names)),
        Score(name="call_f1", value=2 * len(pairs) / total if total else 1.0),
    )


def _calls(made: Any) -> Sequence[Any]:
    return made.tool_calls if isinstance(made, Reply) else made


def _wanted(expected: Any) -> Sequence[Any]:
    if isinstance(expected, Mapping) and "tool_calls" in expected:
        listed: Sequence[Any] = expected["tool_calls"]
        return listed
    return () if isinstance(required(expected, empty=True), str) else expected


def _read(call: Any) -> Call:
    """Name and arguments of a call in any of its forms: a name, an object, a part of a message, a session's call."""
    if isinstance(call, str):
        return call, None
    if isinstance(call, Mapping):
        return str(call["name"]), call.get("arguments", call.get("args"))
    part = call if isinstance(call, ToolCallPart) else call.part
    try:
        return part.name, msgspec.json.decode(part.arguments or "{}")
    except msgspec.DecodeError:
        return part.name, part.arguments


def _match(
    said: Sequence[Call], wanted: Sequence[Call], order: bool, compare: Mapping[str, Comparator]
) -> list[tuple[int, int]]:
    """Pairs (said, wanted) that agree, greedily from the front; with `order`, each after the one before."""
    pairs: list[tuple[int, int]] = []
    for index, want in enumerate(wanted):
        start = pairs[-1][0] + 1 if order and pairs else 0
        taken = {made for made, _ in pairs}
        free = (made for made in range(start, len(said)) if made not in taken and _agree(said[made], want, compare))
        found = next(free, None)
        if found is not None:
            pairs.append((found, index))
    return pairs


def _agree(said: Call, wanted: Call, compare: Mapping[str, Comparator]) -> bool:
    if said[0] != wanted[0]:
        return False
    if wanted[1] is None or same(said[1], wanted[1]):
        return True
    if not (isinstance(said[1], Mapping) and isinstance(wanted[1], Mapping) and said[1].keys() == wanted[1].keys()):
        return False
    return all(value_of(compare.get(key, same)(said[1][key], value)) == 1.0 for key, value in wanted[1].items())


def _shown(call: Call) -> str:
    return call[0] if call[1] is None else f"{call[0]}({shown(call[1])})"
