"""Tell in words in what an answer differs from the one that was wanted: field and value, tool and argument."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from msgspec import Struct

from harness.core import codec
from harness.core.replies import comparable, json_object
from harness.types import Json

SHORT = 40
"""Characters of a value that is told."""
WORDS = "words"
"""What stands for a call that was not made, or was not wanted."""


class FieldDifference(Struct, frozen=True):
    """One field that differs; of answers that are no JSON objects the field is empty."""

    field: str
    got: str
    """The value as JSON text; `nothing` where the field is missing or null, `text` of an answer that is no JSON object."""
    wanted: str

    def __str__(self) -> str:
        if self.got == "text":
            return "text instead of JSON"
        told = f"{self.got} instead of {self.wanted}"
        return f"{self.field}: {told}" if self.field else told


def differences(wanted: Json, answer: str) -> list[FieldDifference]:
    """What differs, in the order of the wanted fields; empty where nothing does, or where it cannot be told shortly."""
    if isinstance(wanted, dict) and isinstance(wanted.get("tool_calls"), list):
        return list(_calls(wanted["tool_calls"], (json_object(answer) or {}).get("tool_calls") or ()))
    goal = wanted if isinstance(wanted, dict) else json_object(wanted) if isinstance(wanted, str) else None
    if goal is not None:
        given = json_object(answer)
        return list(_fields(goal, given)) if given is not None else [FieldDifference("", "text", "JSON")]
    if isinstance(wanted, str) and len(wanted) <= SHORT and len(answer) <= SHORT and answer.strip():
        same = comparable(wanted) == comparable(answer)
        return [] if same else [FieldDifference("", _told(answer.strip()), _told(wanted))]
    return []


def _calls(goal: Sequence[Json], given: Sequence[Json]) -> Iterator[FieldDifference]:
    """Tools that differ, call by call, and arguments where the tool is right. No call at all: the answer was words."""
    for (right, wanted), (made, got) in zip_longest(map(_call, goal), map(_call, given), fillvalue=(WORDS, None)):
        if right != made:
            yield FieldDifference("", made, right)
        elif wanted is not None:
            yield from _fields(wanted, got or {}, f"{right}.")


def _call(call: Json) -> tuple[str, dict[str, Json] | None]:
    """Name and arguments of a call: as a case expects it, or as a message has it; no arguments where none are readable."""
    function = call.get("function", call) if isinstance(call, dict) else {"name": call}
    arguments = function.get("arguments")
    return str(function.get("name")), json_object(arguments) if isinstance(arguments, str) else arguments


def _fields(goal: dict[str, Json], given: dict[str, Json], path: str = "") -> Iterator[FieldDifference]:
    for name in [*goal, *(name for name in given if name not in goal)]:
        want, got, here = goal.get(name), given.get(name), f"{path}{name}"
        if isinstance(want, dict) and isinstance(got, dict):
            yield from _fields(want, got, f"{here}.")
        elif not _same(want, got):
            yield FieldDifference(here, _told(got), _told(want))


def _same(one: Json, other: Json) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return bool(comparable(one) == comparable(other))
    return bool(one == other)


def _told(value: Json) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else codec.canonical(value)
    text = text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"
    return f"“{text}”" if isinstance(value, str) else text
