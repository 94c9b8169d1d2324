"""Share what scorers of tool calls need: how calls are read, and when two are the same."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from harness.evaluate.scorers._common import Comparator, shown, value_of
from harness.evaluate.scorers.json_fields import same
from harness.types import Reply, ToolCallPart

Call = tuple[str, Any]
"""Name and arguments; arguments that are not a JSON object stay text."""


class MadeStep(Protocol):
    """A call of a session that was answered, as `harness.evaluate.sessions.session.SessionStep` is."""

    @property
    def name(self) -> str: ...
    @property
    def args(self) -> dict[str, Any]: ...
    @property
    def result(self) -> str: ...
    @property
    def refused(self) -> bool: ...
    @property
    def turn(self) -> int: ...
    @property
    def user(self) -> str: ...


def calls_of(made: Any) -> Sequence[Any]:
    """The calls of a reply, of a session, or of a list of them."""
    if isinstance(made, Reply):
        return made.tool_calls
    calls: Sequence[Any] = getattr(made, "calls", made)
    return calls


def read_call(call: Any) -> Call:
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


def agree(said: Call, wanted: Call, compare: Mapping[str, Comparator]) -> bool:
    """Whether a call is the expected one: same name, and the same arguments where these are given."""
    if said[0] != wanted[0]:
        return False
    if wanted[1] is None or same(said[1], wanted[1]):
        return True
    if not (isinstance(said[1], Mapping) and isinstance(wanted[1], Mapping) and said[1].keys() == wanted[1].keys()):
        return False
    return all(value_of(compare.get(key, same)(said[1][key], value)) == 1.0 for key, value in wanted[1].items())


def shown_call(call: Call) -> str:
    """A call for an explanation."""
    return call[0] if call[1] is None else f"{call[0]}({shown(call[1])})"
