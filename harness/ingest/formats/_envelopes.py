"""Tell a producer's wrapper from what was said in it: messages, requests and responses of model APIs, as values or text.

What an application lets a model answer is JSON too, so a wrapper is known by several keys that belong together, with
values of the right shape, and never by one name.
"""

import re
from collections.abc import Callable

from harness.ingest.formats import _reprs, _roles
from harness.ingest.formats._json import Json, decoded

_SAYS = frozenset(["content", "parts", "tool_calls", "toolCalls", "contents", "blocks", "function_call"])
_LANGCHAIN = frozenset(["human", "ai", "HumanMessage", "AIMessage", "AIMessageChunk", "SystemMessage", "ToolMessage"])
_ITEMS = frozenset(["function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output"])
_ITEMS |= frozenset(["function_call_result"])
_PARTS = {
    "text": ("text", "content"),
    **dict.fromkeys(("input_text", "output_text"), ("text",)),
    **dict.fromkeys(("thinking", "reasoning"), ("thinking", "reasoning", "content", "text", "summary")),
    **dict.fromkeys(("tool_use", "tool_call", "tool-call", "toolCall"), ("name", "toolName", "tool_name")),
    **dict.fromkeys(("tool_result", "tool-result", "tool_call_response"), ("content", "output", "result", "response")),
    **dict.fromkeys(("image_url", "input_image"), ("image_url", "file_id")),
}
"""Type of a content part -> keys, of which it has at least one."""


def is_message(value: Json) -> bool:
    """Whether a value is one message of any API, or an item of the Responses API."""
    if not isinstance(value, dict):
        return False
    if _roles.known(value.get("role")) or _roles.known(value.get("_role")):
        return not _SAYS.isdisjoint(value) or "_content" in value
    kind = value.get("type")
    if isinstance(value.get("kwargs"), dict) and isinstance(value.get("id"), list):  # LangChain's constructor form
        return kind == "constructor"
    if kind in _ITEMS:
        return "call_id" in value or "callId" in value
    if isinstance(value.get("data"), dict) and "content" in value["data"]:  # LangChain's message_to_dict form
        return bool(_roles.known(kind))
    if "content" in value and _roles.known(kind):
        return kind in _LANGCHAIN or "additional_kwargs" in value
    return value.get("kind") in ("request", "response") and _are(value.get("parts"), _is_pydantic)


def is_request(value: Json) -> bool:
    """Whether a value is the body of a request: messages, or the contents of Gemini."""
    if not isinstance(value, dict):
        return False
    return is_conversation(value.get("messages")) or _are(value.get("contents"), _has_parts) or _is_asked(value)


def is_response(value: Json) -> bool:
    """Whether a value is what a model API, or a framework around it, gives back."""
    if not isinstance(value, dict):
        return False
    body, told = value.get("message"), not _TOLD.isdisjoint(value)
    if isinstance(body, dict) and (is_message(body) or (told and not _SAYS.isdisjoint(body))):
        return True
    if value.get("object") in _OBJECTS and ("choices" in value or "output" in value):
        return True
    lists = ((key, test) for key, test in _LISTS.items() if isinstance(value.get(key), list))
    if any(_are(value[key], test) for key, test in lists):
        return True
    if _has_parts(value.get("content")) or _is_converse(value) or is_completion(value):
        return True
    if value.keys() == {"generated_text"}:  # pipelines of transformers
        return isinstance(value["generated_text"], str) or is_conversation(value["generated_text"])
    if {"raw", "pydantic", "json_dict"} <= value.keys():  # CrewAI
        return isinstance(value["raw"], str)
    if isinstance(value.get("response"), str) and "done" in value:  # Ollama
        return True
    if "raw" in value and "additional_kwargs" in value and isinstance(value.get("text"), str):  # LlamaIndex
        return True
    return "finishReason" in value and not {"text", "toolCalls", "steps"}.isdisjoint(value)  # the AI SDK


def is_completion(value: Json) -> bool:
    """Whether a value is a text with why it ended or what it cost in tokens beside it: the answer of a completion API."""
    if not isinstance(value, dict):
        return False
    output = value.get("output")
    said = any(isinstance(value.get(key), str) for key in COMPLETED) or (isinstance(output, dict) and "text" in output)
    return said and (not _ENDED.isdisjoint(value) or _counts_tokens(value) or _counts_tokens(value.get("usage")))


def _counts_tokens(value: Json) -> bool:
    names = value if isinstance(value, dict) else {}
    return any("token" in name.lower() and isinstance(held, int) for name, held in names.items())


def is_wrapper(value: Json) -> bool:
    """Whether a value is a message, a request, a response, or a list of messages or of their parts."""
    if isinstance(value, list):
        flat = value[0] if len(value) == 1 and isinstance(value[0], list) else value
        return is_conversation(flat) or _are(flat, is_part) or _are(flat, is_response)
    return is_message(value) or is_request(value) or is_response(value)


def is_conversation(value: Json) -> bool:
    """Whether a value is a list of messages. Among known roles a message may have the name of a tool as its role."""
    if not isinstance(value, list) or not any(map(_is_said, value)):
        return False
    return all(_is_said(item) or _is_named(item) for item in value)


def _is_named(value: Json) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and not _SAYS.isdisjoint(value)


def is_part(value: Json) -> bool:
    """Whether a value is one part of a message's content, with a type that an API names, or a tool call."""
    if isinstance(value, dict) and _is_tool_call(value):
        return True
    keys = _PARTS.get(value["type"]) if isinstance(value, dict) and isinstance(value.get("type"), str) else None
    return bool(keys) and not set(keys or ()).isdisjoint(value)


def _is_tool_call(value: dict[str, Json]) -> bool:
    """A call as OpenAI's chat API and the AI SDK list them; a definition of a tool has no arguments."""
    inner = value.get("function")
    if isinstance(inner, dict):
        return "name" in inner and "arguments" in inner
    return "toolCallId" in value and "toolName" in value


_NAMES = "_?role|toolName|function|_?content|choices|candidates|generations|message|messages|contents|parts|kwargs|response|replies|type|outputs?|generated_text|raw"
_NAMES += "|completion|generation|results|output_?[tT]ext|Text"
_NAMED = re.compile(rf"""["'\\](?:{_NAMES}|text|steps)\\*["']\s*:""")
_PRINTED = re.compile(r"""[\[({\s]*(?:['"]|[A-Za-z_][\w.]*\(\s*_?\w+\s*=)""")


def opened(text: str) -> Json:
    """What a text holds when it is a producer's wrapper and nothing else, as JSON or as Python prints it; else None."""
    start = text[:1]
    if start in _OPENING and _NAMED.search(text):
        value = decoded(text)
        if not isinstance(value, str):
            return value if is_wrapper(value) else None
    elif not text.startswith("role=") and (not start.isupper() or "(" not in text):
        return None
    if not text.startswith("role=") and (text.rstrip()[-1:] not in _CLOSING or not _PRINTED.match(text)):
        return None
    try:
        value = _reprs.read(text)
    except ValueError:
        return None
    return value if is_wrapper(value) else None


_OPENING = frozenset('{["( \n')
_CLOSING = frozenset(")]}")
_TOLD = frozenset(["finish_reason", "finishReason", "stop_reason", "index", "raw", "delta", "logprobs", "done"])
_OBJECTS = frozenset(["chat.completion", "chat.completion.chunk", "text_completion", "response"])


COMPLETED = ("text", "completion", "generation", "output_text", "outputText", "response", "content", "output", "Text")
"""Where completion APIs hold the text of an answer."""
_ENDED = frozenset(
    ["finish_reason", "finishReason", "stop_reason", "stopReason", "completionReason", "done_reason", "ModelId"]
)


def _are(value: Json, test: Callable[[Json], bool]) -> bool:
    return isinstance(value, list) and bool(value) and all(map(test, value))


def _is_said(value: Json) -> bool:
    """One message; a repr inside a list of texts counts."""
    return is_message(value) or (isinstance(value, str) and _may_print(value) and is_message(opened(value)))


def _may_print(text: str) -> bool:
    return text[:1].isupper() or text.startswith("role=")


def _is_asked(value: Json) -> bool:
    """A request of the Responses API."""
    asked = value.get("input")
    return "model" in value and (_are(asked, is_message) or (isinstance(asked, str) and "instructions" in value))


def _has_parts(value: Json) -> bool:
    """A message of Gemini, of which the only part may be a text."""
    parts = value.get("parts") if isinstance(value, dict) else None
    items = parts if isinstance(parts, list) else [parts]
    return bool(items) and all(isinstance(item, dict) and not _GEMINI.isdisjoint(item) for item in items)


_GEMINI = frozenset(["text", "functionCall", "function_call", "functionResponse", "function_response"])
_GEMINI |= frozenset(["inlineData", "inline_data", "fileData", "file_data"])


def _is_choice(value: Json) -> bool:
    held = isinstance(value, dict) and (isinstance(value.get("message"), dict) or isinstance(value.get("delta"), dict))
    return held or (isinstance(value, dict) and "text" in value and not _TOLD.isdisjoint(value))


def _is_candidate(value: Json) -> bool:
    return isinstance(value, dict) and (
        _has_parts(value.get("content")) or bool({"finishReason", "finish_reason"} & value.keys())
    )


def _is_generation(value: Json) -> bool:
    if isinstance(value, list):
        return _are(value, _is_generation)
    return isinstance(value, dict) and not {"message", "generation_info"}.isdisjoint(value)


def _is_step(value: Json) -> bool:
    return isinstance(value, dict) and bool({"toolCalls", "finishReason", "stepType"} & value.keys())


def _is_pydantic(value: Json) -> bool:
    return isinstance(value, dict) and "part_kind" in value


def _is_item(value: Json) -> bool:
    held = isinstance(value, dict) and value.get("type") in ("reasoning", "message")
    return is_message(value) or (held and not {"content", "summary"}.isdisjoint(value))


_LISTS: dict[str, Callable[[Json], bool]] = {
    "choices": _is_choice,
    "candidates": _is_candidate,
    "generations": _is_generation,
    "replies": _is_said,
    "steps": _is_step,
    "output": _is_item,
    "results": is_completion,  # Titan
    "outputs": is_completion,  # Mistral on Bedrock
}


def _is_converse(value: Json) -> bool:
    output = value.get("output")
    return isinstance(output, dict) and is_message(output.get("message"))
