"""Tell in words in what an answer differs from the one that was wanted: field and value."""

from collections.abc import Iterator

from msgspec import Struct

from harness.core import codec
from harness.core.replies import comparable, json_object
from harness.types import Json

SHORT = 40
"""Characters of a value that is told."""


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
    goal = wanted if isinstance(wanted, dict) else json_object(wanted) if isinstance(wanted, str) else None
    if goal is not None:
        given = json_object(answer)
        return list(_fields(goal, given)) if given is not None else [FieldDifference("", "text", "JSON")]
    if isinstance(wanted, str) and len(wanted) <= SHORT and len(answer) <= SHORT and answer.strip():
        same = comparable(wanted) == comparable(answer)
        return [] if same else [FieldDifference("", _told(answer.strip()), _told(wanted))]
    return []


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
