"""Parse replies: find JSON objects in them, and compare two for equal meaning."""

import json
import re
import unicodedata
from typing import Any

from harness.core.codec import REASONING, canonical, from_chat, to_chat
from harness.types import Call, Message, TextPart

_EDGE = " \t\r\n.,!?"
_WORD = re.compile(r"\w+")


def json_object(text: str) -> dict[str, Any] | None:
    """The answer as one JSON object, or None when it is anything else. NaN is not JSON.

    Half of a surrogate pair, which no file can hold, is U+FFFD.
    """
    try:
        value = json.loads(text, parse_constant=_refuse)
        value = _without_surrogates(value) if _SURROGATE.search(text) else value
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return [_without_surrogates(item) for item in value] if isinstance(value, list) else value


_CHAT = frozenset(
    (*("role", "content", "tool_calls", "name", "refusal", "type", "id", "function_call", "annotations"), *REASONING)
)
"""Keys of an assistant's message, by which one that does not say its role is known."""
_ANSWER = ("answer", "output", "response", "reply", "text", "content", "result", "completion", "message")
"""Keys under which an application's own object holds the answer that it showed."""


def chat_message(text: str) -> dict[str, Any] | None:
    """An answer given as a whole assistant message in chat form, as a corrected tool call is; else None."""
    value = json_object(text)
    whole = value is not None and value.get("role") == "assistant" and bool(value.keys() & {"content", "tool_calls"})
    return value if whole else None


def corrected(correction: str, call: Call | None = None) -> Message:
    """What a correction of a call says, as the assistant's message.

    It may be the text itself, JSON, or a message in chat form: with or without its role, or the last of a list. Where the
    call answered in words, an object that holds one text under a usual key, as an application's output does, is that
    text. Where production answers in such objects, the object is the answer.
    """
    reply = json_object(call.reply) if call else None
    held = _parsed(correction)
    if isinstance(held, list):
        answers = [item for item in held if isinstance(item, dict) and item.get("role") in ("assistant", "ai", "model")]
        held = answers[-1] if answers and all(isinstance(item, dict) for item in held) else None
    if isinstance(held, dict) and not (reply is not None and reply.keys() == held.keys()):
        held = _unwrapped(held, call)
        if isinstance(held, str):
            return _assistant(held)
        if _is_chat(held):
            return from_chat({**held, "role": "assistant"})
    return _assistant(correction)


def _unwrapped(held: dict[str, Any], call: Call | None) -> Any:
    """The answer inside an object that an application or an endpoint put around it."""
    choices = held.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0].get("message") or held
    if isinstance(held.get("message"), dict) and len(held) == 1:
        return held["message"]
    if isinstance(held.get("messages"), list) and len(held) == 1:
        answers = [item for item in held["messages"] if isinstance(item, dict) and item.get("role") == "assistant"]
        return answers[-1] if answers else held
    worded = call is not None and bool(call.reply.strip()) and json_object(call.reply) is None
    texts = [held[name] for name in _ANSWER if isinstance(held.get(name), str)]
    return texts[0] if worded and len(texts) == 1 and not _is_chat(held) else held


def _is_chat(held: Any) -> bool:
    """Whether an object is a message: it holds content or tool calls, and says its role or has only a message's keys.

    Endpoints add keys of their own to what they answer, such as `reasoning_details`, so the role is enough.
    """
    if not isinstance(held, dict) or held.get("role", "assistant") not in ("assistant", "ai", "model"):
        return False
    known = "role" in held or held.keys() <= _CHAT
    return known and (held.get("content") is not None or bool(held.get("tool_calls")))


def _assistant(text: str) -> Message:
    return Message(role="assistant", parts=(TextPart(text=text),) if text else ())


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse) if text.lstrip()[:1] in ("{", "[") else None
    except (ValueError, RecursionError):
        return None


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


def written(message: Message) -> str:
    """The message as one text: its words or, when it calls tools, the whole of it as JSON."""
    return canonical(to_chat(message)) if message.tool_calls else message.text


def unwritten(text: str) -> Message:
    """The assistant's message that `written` made this text of. Reasoning is not in the text."""
    chat = chat_message(text) or {}
    calls = chat.get("tool_calls")
    whole = (
        isinstance(calls, list)
        and calls
        and all(isinstance(call, dict) and isinstance(call.get("function"), dict) for call in calls)
    )
    return from_chat(chat) if whole else _assistant(text)


def expected_of(message: Message) -> object:
    """What a scorer compares with: the tool calls where there are any, else parsed JSON, else text."""
    if message.tool_calls:
        made = [{"name": call.name, "arguments": json_object(call.arguments)} for call in message.tool_calls]
        return {"tool_calls": made}
    value = json_object(message.text)
    return message.text if value is None else value


def confirms(correction: str, call: Call) -> bool:
    """Does a correction say what the call answered? A whole message is compared with its tool calls."""
    return bool(call.output) and said(corrected(correction, call)) == said(call.output[0])


def said(message: Message) -> Any:
    """A value that is equal for messages that say the same: their tool calls, else their text; reasoning does not count."""
    made = [(call.name, json_object(call.arguments or "{}")) for call in message.tool_calls]
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
