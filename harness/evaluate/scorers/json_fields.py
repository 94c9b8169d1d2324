"""Compare JSON objects field by field: how much of what should have been extracted was."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import UsageError
from harness.evaluate.scorers._common import Comparator, flatten, parse_json, shown, value_of, why_of
from harness.types import Json, Score


def json_fields(
    reply: Any,
    expected: Mapping[str, Json],
    *,
    compare: Mapping[str, Comparator] | None = None,
    default: Comparator | None = None,
    ignore: Sequence[str] = (),
) -> tuple[Score, ...]:
    """Scores `exact`, `precision`, `recall` and `f1` of the fields of a JSON object. `exact` decides.

    A field is right when its comparator gives 1: `compare[name]`, else `default`, else equality after stripping text
    (1 equals 1.0, but not "1" and not true). Nested objects count by dotted name, lists as a whole. A field that is null
    is one that is not there: nothing was extracted. Precision is over the fields of the reply, recall over the expected
    ones; with none to count both are 1. A reply that is not a JSON object is wrong everywhere, with the reason.
    """
    if not isinstance(expected, Mapping):
        raise UsageError(
            f"json_fields expects an object, not {type(expected).__name__}", next="fix the case's `expected`"
        )
    got, problem = parse_json(reply)
    if not problem and not isinstance(got, Mapping):
        problem = f"not a JSON object: {shown(reply)}"
    said = {} if problem else _present(got, ignore)
    wanted = _present(expected, ignore)
    reasons = {name: _reason(name, said, wanted, compare or {}, default) for name in {**wanted, **said}}
    wrong = [problem] if problem else [f"{name}: {reason}" for name, reason in sorted(reasons.items()) if reason]
    right = sum(not reason for name, reason in reasons.items() if name in said and name in wanted)
    precision = 0.0 if problem else _share(right, len(said))
    recall = 0.0 if problem else _share(right, len(wanted))
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return (
        Score(name="exact", value=float(not wrong), explanation="; ".join(wrong)),
        Score(name="precision", value=precision),
        Score(name="recall", value=recall),
        Score(name="f1", value=f1),
    )


def _present(value: Any, ignore: Sequence[str]) -> dict[str, Json]:
    flat = flatten(value)
    return {name: item for name, item in flat.items() if item is not None and item != {} and name not in ignore}


def _reason(
    name: str,
    said: Mapping[str, Json],
    wanted: Mapping[str, Json],
    compare: Mapping[str, Comparator],
    default: Comparator | None,
) -> str:
    """Why a field is wrong; empty when it is right."""
    if name not in said:
        return f"missing, expected {shown(wanted[name])}"
    if name not in wanted:
        return f"not expected, got {shown(said[name])}"
    comparator = compare.get(name, default or same)
    outcome = comparator(said[name], wanted[name])
    if value_of(outcome) == 1.0:
        return ""
    return why_of(outcome) or f"expected {shown(wanted[name])}, got {shown(said[name])}"


def same(said: Json, wanted: Json) -> bool:
    """Equality of JSON values: text after stripping, numbers by value, true and false only equal themselves."""
    if isinstance(said, bool) or isinstance(wanted, bool):
        return said is wanted
    if isinstance(said, str) and isinstance(wanted, str):
        return said.strip() == wanted.strip()
    if isinstance(said, list) and isinstance(wanted, list):
        return len(said) == len(wanted) and all(same(one, other) for one, other in zip(said, wanted, strict=True))
    if isinstance(said, Mapping) and isinstance(wanted, Mapping):
        return said.keys() == wanted.keys() and all(same(said[key], wanted[key]) for key in said)
    return bool(said == wanted)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
