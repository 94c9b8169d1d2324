"""Parse replies: find JSON objects in them, and compare two for equal meaning."""

import json
import re
import unicodedata
from typing import Any

from harness.core.codec import from_chat
from harness.types import Call, Message

_EDGE = " \t\r\n.,!?"
_WORD = re.compile(r"\w+")


def json_object(text: str) -> dict[str, Any] | None:
    """The answer as one JSON object, or None when it is anything else. NaN is not JSON."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def chat_message(text: str) -> dict[str, Any] | None:
    """An answer given as a whole assistant message in chat form, as a corrected tool call is; else None."""
    value = json_object(text)
    whole = value is not None and value.get("role") == "assistant" and bool(value.keys() & {"content", "tool_calls"})
    return value if whole else None


def fold(text: str) -> str:
    """Case, width and outer punctuation carry no meaning when answers are compared."""
    return unicodedata.normalize("NFKC", text).casefold().strip(_EDGE)


def words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def comparable(answer: str) -> Any:
    """A value that is equal for answers that say the same: JSON with folded strings, or folded text."""
    value = json_object(answer)
    return " ".join(words(answer)) if value is None else _fold_json(value)


def same(left: str, right: str) -> bool:
    return bool(comparable(left) == comparable(right))


def confirms(correction: str, call: Call) -> bool:
    """Does a correction say what the call answered? A whole message is compared with its tool calls."""
    whole = chat_message(correction)
    if whole is None:
        return same(correction, call.reply)
    return bool(call.output) and _said(from_chat(whole)) == _said(call.output[0])


def _said(message: Message) -> Any:
    made = [(call.name, json_object(call.arguments)) for call in message.tool_calls]
    return made or comparable(message.text)


def padded(text: str) -> str:
    """The text's words with a space on each side of each, ready for `grounded`."""
    return f" {' '.join(words(text))} "


def grounded(value: Any, padded_text: str) -> bool:
    """True unless `value` is a string whose words do not stand one after another in the text."""
    return not isinstance(value, str) or not words(value) or padded(value) in padded_text


def _fold_json(value: Any) -> Any:
    if isinstance(value, str):
        return fold(value)
    if isinstance(value, dict):
        return {key: _fold_json(item) for key, item in value.items()}
    return [_fold_json(item) for item in value] if isinstance(value, list) else value


def _refuse(constant: str) -> None:
    raise ValueError(constant)
