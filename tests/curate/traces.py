"""Small made-up traces for the tests of mining and curation."""

import json
from typing import Any

from harness.types import Call, CallError, Feedback, Message, TextPart

SYSTEM = "Reply with one JSON object with the keys dish and table."
EXAMPLE = (("soup at table 4 please", '{"dish": "soup", "table": "4"}'),)
DAY_NS = 86_400 * 10**9
START_NS = 1_790_000_000 * 10**9


def say(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=text),))


def prompted(text: str) -> tuple[Message, ...]:
    """What the application sends: system text, one worked example, then the message."""
    turns = [say(role, part) for pair in EXAMPLE for role, part in zip(("user", "assistant"), pair, strict=True)]
    return (say("system", SYSTEM), *turns, say("user", text))


def call(number: int, text: str, reply: str | None = "{}", **fields: Any) -> Call:
    """One answered call; `reply` None makes it a timeout. Calls are ten minutes apart."""
    given: dict[str, Any] = {
        "id": f"t:{number}",
        "session_id": f"s{number}",
        "user_id": f"u{number}",
        "route": "POST /orders",
        "start_ns": START_NS + number * 600 * 10**9,
        "end_ns": START_NS + number * 600 * 10**9 + 10**9,
        "input": prompted(text),
    }
    if reply is None:
        given |= {"error": CallError(type="timeout"), "flags": ("output_missing",)}
    else:
        given["output"] = (say("assistant", reply),)
    return Call(**{**given, **fields})


def thumb(call_id: str, value: float, correction: Any = None, **fields: Any) -> Feedback:
    text = correction if isinstance(correction, str) or correction is None else json.dumps(correction)
    return Feedback(**{"id": f"f-{call_id}-{value}", "call_id": call_id, "value": value, "correction": text} | fields)


DISHES = (
    "soup",
    "pasta",
    "salad",
    "risotto",
    "gnocchi",
    "paella",
    "curry",
    "ramen",
    "goulash",
    "tacos",
    "pizza",
    "stew",
)
ASKS = (
    "could you bring {dish} over to table {table} when it is ready",
    "we would love some {dish}, sitting at number {table} by the window",
    "{table} is our table and {dish} is what my daughter wants",
    "good evening! one {dish} for the lady at {table}, thanks a lot",
    "please add {dish} to the bill of table {table}",
)


def order(number: int) -> tuple[str, dict[str, str]]:
    """A message and its right answer; all messages differ by more than their numbers."""
    dish, table = f"{DISHES[number % 12]}{'abcdefghij'[number // 12 % 10] * 3}", str(number % 30 + 1)
    return ASKS[number % 5].format(dish=dish, table=table), {"dish": dish, "table": table}


def restaurant(size: int = 120) -> tuple[list[Call], list[Feedback]]:
    """Traces of a bad waiter: it says soup to everything; a third is corrected, a sixth praised and right."""
    calls, feedback = [], []
    for number in range(size):
        text, right = order(number)
        wrong = json.dumps({"dish": "soup", "table": "4"})
        good = number % 6 == 5
        calls.append(call(number, text, json.dumps(right) if good else wrong))
        if good:
            feedback.append(thumb(f"t:{number}", 1))
        elif number % 3 == 0:
            feedback.append(thumb(f"t:{number}", -1, right))
        elif number % 3 == 1:
            feedback.append(thumb(f"t:{number}", -1))
    calls.append(call(size, "is there parking", None))
    return calls, feedback
