"""Answer tool calls from a recording: results by the tool's name and its normalised arguments.

What was recorded several times is given in its order, and the last result again from then on, so that a tool whose
answer changed during the run (an order before and after its refund) does so again. A call that the recording does not
hold is counted in the result of the case, and answered as the eval file says.
"""

import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal

import msgspec

from harness.core.codec import canonical, from_chat
from harness.errors import InputError, UsageError
from harness.evaluate.sessions.tool import Tool, ToolRefused
from harness.types import Case, Json, Message, ToolCallPart, ToolResultPart

Simulate = Callable[["ToolRecording", str, dict[str, Any]], Json]
"""Makes the result of a call that the recording does not hold."""
Unseen = Literal["error", "nearest"] | Simulate

UNSEEN = "calls without a recording"


class RecordedCall(msgspec.Struct, frozen=True):
    """One call of the recording with its result, as text."""

    name: str
    arguments: Json
    result: str


class ToolRecording:
    """The calls of one trace, and who answers those that it does not hold. `tally` counts these."""

    def __init__(self, calls: Sequence[RecordedCall], unseen: Unseen) -> None:
        self.calls = tuple(calls)
        self.tally: Counter[str] = Counter()
        self._unseen = unseen
        self._results: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._given: Counter[tuple[str, str]] = Counter()
        for call in calls:
            self._results[_key(call.name, call.arguments)].append(call.result)

    def answer(self, name: str, arguments: dict[str, Any]) -> Json:
        """The recorded result, or what comes in its place. Raises ToolRefused where the model is told that there is none."""
        key = _key(name, arguments)
        results = self._results.get(key)
        if results:
            self._given[key] += 1
            return results[min(self._given[key], len(results)) - 1]
        self.tally[UNSEEN] += 1
        if self._unseen == "error":
            raise ToolRefused(f"no result of {name} is recorded for these arguments")
        if self._unseen == "nearest":
            return self._nearest(name, arguments)
        return self._unseen(self, name, arguments)

    def of(self, name: str) -> list[RecordedCall]:
        """The recorded calls of one tool."""
        return [call for call in self.calls if call.name == name]

    def _nearest(self, name: str, arguments: dict[str, Any]) -> str:
        """The result of the same tool's call with the most similar arguments; the earliest of equals."""
        known = self.of(name)
        if not known:
            raise ToolRefused(f"no result of {name} is recorded")
        self.tally["calls answered by the nearest recording"] += 1
        wanted = normal(arguments)
        return max(known, key=lambda call: likeness(wanted, normal(call.arguments))).result


def recorded(
    case: Case | Sequence[Message | Mapping[str, Any]],
    *,
    column: str = "trace",
    unseen: Unseen = "error",
    tools: Sequence[Json] = (),
) -> list[Tool]:
    """The tools of a recorded run, each answering from the recording.

    The recording is the case's column `column`, where it has one, and else its messages: chat messages with tool calls
    and their results, or objects with `name`, `arguments` and `result`. `unseen` says what a call gets that it does not
    hold: `"error"` is told to the model, `"nearest"` gives the result of the same tool's most similar call, and
    `tools.simulated(...)` asks a model. `tools`, or else the case's own, are the definitions; without any they are made
    of the recorded arguments. Raises InputError when nothing is recorded, UsageError on another `unseen`.
    """
    if unseen not in ("error", "nearest") and not callable(unseen):
        raise UsageError(
            f"not a way to answer an unseen call: {unseen!r}", next='unseen="error", "nearest" or tools.simulated(...)'
        )
    rows: Any = case if not isinstance(case, Case) else case.fields.get(column) or case.messages
    calls = tuple(_calls(rows))
    given = tuple(tools) or (case.tools if isinstance(case, Case) else ())
    if not calls and not given:
        where = f"case {case.id}, column {column!r}" if isinstance(case, Case) else ""
        raise InputError("no tool call is recorded", where=where, next="give the case its `trace` or its `tools`")
    recording = ToolRecording(calls, unseen)
    definitions = {_function(one)["name"]: one for one in given} or _inferred(calls)
    return [_tool(name, definition, recording) for name, definition in definitions.items()]


def _tool(name: str, definition: Json, recording: ToolRecording) -> Tool:
    return Tool(name, definition, lambda arguments: recording.answer(name, arguments), recording.tally)


def _function(definition: Json) -> dict[str, Any]:
    function = definition.get("function", definition) if isinstance(definition, dict) else {}
    if not isinstance(function.get("name"), str):
        raise InputError(f"not a tool's definition: {str(definition)[:80]}", next='{"name": ..., "parameters": ...}')
    return dict(function)


def _calls(rows: Iterable[Any]) -> Iterable[RecordedCall]:
    """The calls with their results, in the order of the results. A call without a result is left out."""
    open_: list[ToolCallPart] = []
    for row in rows:
        if isinstance(row, Mapping) and "role" not in row:
            yield RecordedCall(str(row.get("name", "")), _arguments(row.get("arguments")), _text(row.get("result")))
            continue
        message = from_chat(dict(row) if isinstance(row, Mapping) else row)
        if message.tool_calls:
            open_ = list(message.tool_calls)
        for part in message.parts:
            if isinstance(part, ToolResultPart) and open_:
                place = next((n for n, call in enumerate(open_) if part.id and call.id == part.id), 0)
                call = open_.pop(place)
                yield RecordedCall(call.name, _arguments(call.arguments), part.content)


def _arguments(value: Any) -> Json:
    """The arguments as an object; text that is no JSON object stays as it is, and no call is like it."""
    if not isinstance(value, str):
        return value or {}
    try:
        return msgspec.json.decode(value or "{}")
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else canonical(_finite(value))


def _finite(value: Json) -> Json:
    """The same, with infinity and NaN, which JSON has not, as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def _inferred(calls: Sequence[RecordedCall]) -> dict[str, Json]:
    """Definitions from what was called: each argument that was given, with the JSON types that it had."""
    kinds: dict[str, dict[str, set[str]]] = {}
    for call in calls:
        known = kinds.setdefault(call.name, {})
        for key, value in (call.arguments if isinstance(call.arguments, Mapping) else {}).items():
            known.setdefault(key, set()).add(_kind(value))
    return {name: _definition(name, known) for name, known in kinds.items()}


def _definition(name: str, kinds: Mapping[str, set[str]]) -> Json:
    properties = {key: {"type": next(iter(kind)) if len(kind) == 1 else sorted(kind)} for key, kind in kinds.items()}
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def _kind(value: Json) -> str:
    names = ((bool, "boolean"), ((int, float), "number"), (str, "string"), (list, "array"), (Mapping, "object"))
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def _key(name: str, arguments: Json) -> tuple[str, str]:
    return name, canonical(normal(arguments))


def normal(value: Json) -> Json:
    """Arguments in one form: without nulls and outer space, Unicode composed (NFC), whole numbers as integers, and infinity, which
    JSON has not, as text."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value.strip())
    if isinstance(value, float):
        return str(value) if not math.isfinite(value) else int(value) if value == int(value) else value
    if isinstance(value, Mapping):
        return {str(key): normal(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [normal(item) for item in value]
    return value


def likeness(one: Json, other: Json) -> float:
    """How alike two normalised values are, 0 to 1: text by the longest matching runs, objects by their keys."""
    if one == other:
        return 1.0
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = one.keys() | other.keys()
        return sum(likeness(one[key], other[key]) for key in one.keys() & other.keys()) / len(keys)
    first, second = _text(one), _text(other)
    return SequenceMatcher(None, first[:LONGEST], second[:LONGEST], autojunk=False).ratio() * UNEQUAL


LONGEST = 500
"""Characters of a value that are compared for likeness."""
UNEQUAL = 0.9
"""Values that differ are never as alike as values that are equal."""
