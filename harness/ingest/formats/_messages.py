"""Parse messages of any producer's shape into `Message`s.

Read: OpenAI chat and Responses, the GenAI semantic conventions (`parts`), LangChain constructors, the Vercel AI SDK,
Anthropic content blocks, and bare text. JSON text inside strings is decoded.
"""

from collections.abc import Iterable, Iterator

from harness.ingest.formats._json import Json, decoded, mapping, parsed, text_of
from harness.ingest.formats._parts import parts, tool_call, tool_result
from harness.types import Message, Part, RefusalPart, TextPart, ToolCallPart, ToolResultPart

ROLES = {
    "human": "user",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "AIMessage": "assistant",
    "HumanMessage": "user",
    "SystemMessage": "system",
    "ToolMessage": "tool",
    "FunctionMessage": "tool",
    "function": "tool",
    "model": "assistant",
}
_LOOSE_ITEMS = {"function_call": "assistant", "function_call_output": "tool", "reasoning": "assistant"}
"""Items of the Responses API that are no messages but stand among them -> the role they speak for."""


REASONS = {
    **dict.fromkeys(("tool_call", "tool-calls", "tool_use", "toolUse", "function_call"), "tool_calls"),
    **dict.fromkeys(("end_turn", "completed", "STOP", "stop_sequence", "FINISH_REASON_STOP"), "stop"),
    **dict.fromkeys(("max_tokens", "MAX_TOKENS", "max_output_tokens", "incomplete"), "length"),
    **dict.fromkeys(("content-filter", "SAFETY"), "content_filter"),
}
"""Finish reasons of other providers and SDKs -> the OpenAI API's."""


def reason(raw: Json) -> str | None:
    """A finish reason in the OpenAI API's words; an unknown one stays as it came."""
    text = text_of(raw)
    return REASONS.get(text, text) or None


def reasoned(said: Iterable[Message], reasons: Iterable[Json]) -> tuple[Message, ...]:
    """The choices with their finish reasons filled in; the last reason holds for all choices that follow."""
    held, last, found = list(reasons), None, []
    for number, choice in enumerate(said):
        last = reason(held[number]) if number < len(held) else last
        known = choice.finish_reason or last
        found.append(Message(role=choice.role, parts=choice.parts, name=choice.name, finish_reason=known))
    return tuple(found)


def messages(raw: Json, role: str = "user") -> tuple[Message, ...]:
    """All messages in `raw`: a list, one message, a request with `messages` or `input`, or a text of the given role."""
    value = _shaped(raw)
    if isinstance(value, dict):
        return _from_request(value, role)
    if isinstance(value, list):
        flat = [item for inner in value for item in (inner if isinstance(inner, list) else (inner,))]
        return tuple(found for item in flat if (found := message(item, role)) is not None)
    text = raw if isinstance(raw, str) else text_of(raw)
    return (Message(role=role, parts=(TextPart(text=text),)),) if text else ()


def message(raw: Json, role: str = "user") -> Message | None:
    """One message of any shape; None when there is nothing to read."""
    if isinstance(raw, str):
        return Message(role=role, parts=(TextPart(text=raw),)) if raw else None
    if not isinstance(raw, dict):
        return None
    if isinstance(raw.get("kwargs"), dict) and isinstance(raw.get("id"), list):  # LangChain's constructor form
        raw = {"role": ROLES.get(raw["id"][-1], role), **raw["kwargs"]}
    elif isinstance(raw.get("data"), dict) and "type" in raw:  # LangChain's message_to_dict form
        raw = {"role": ROLES.get(raw["type"], role), **raw["data"]}
    return _plain(raw, role)


def choices(raw: Json) -> tuple[Message, ...]:
    """The answers in `raw`, one message a choice, with their finish reasons.

    Reads a chat completion, a legacy completion, a Responses object or its items, LangChain generations, a message, a
    list of messages and a bare text.
    """
    value = _shaped(raw)
    if isinstance(value, dict):
        return _from_response(value)
    if isinstance(value, list) and any(isinstance(item, dict) and "message" in item for item in value):
        return tuple(_choice(item) for item in value if isinstance(item, dict))
    if isinstance(value, list) and any(isinstance(item, dict) and item.get("type") in _ITEMS for item in value):
        return joined(messages(value, "assistant"))
    return messages(raw, "assistant")


def _shaped(raw: Json) -> Json:
    """`raw`, or what its JSON text holds when that is messages; an answer that is JSON itself stays a text."""
    value = decoded(raw)
    if value is raw or not isinstance(raw, str):
        return value
    items = value if isinstance(value, list) else [value]
    flat = [inner for item in items for inner in (item if isinstance(item, list) else (item,))]
    return value if any(isinstance(item, dict) and _MARKS & item.keys() for item in flat) else raw


_MARKS = {"role", "parts", "messages", "choices", "generations", "kwargs", "finish_reason", "object", "call_id"}


_LEADS = ("instructions", "system", "system_instruction", "systemInstruction")


def _from_request(value: dict[str, Json], role: str) -> tuple[Message, ...]:
    lead = next((value[key] for key in _LEADS if value.get(key)), None)
    before = _led(lead) if lead else ()
    for key in ("messages", "input", "prompt", "contents"):
        if isinstance(value.get(key), (list, str, dict)):
            return before + messages(value[key], role)
    found = message(value, role)
    return (*before, found) if found else before


def _led(lead: Json) -> tuple[Message, ...]:
    """What stands before the conversation: a text, messages, or the parts of one message."""
    if isinstance(lead, list) and not any(isinstance(item, dict) and "role" in item for item in lead):
        made = message({"role": "system", "content": lead})
        return (made,) if made else ()
    return messages(lead, "system")


def _from_response(value: dict[str, Json]) -> tuple[Message, ...]:
    for key in ("choices", "generations", "candidates"):
        if isinstance(value.get(key), list):
            flat = [item for inner in value[key] for item in (inner if isinstance(inner, list) else (inner,))]
            return tuple(_choice(item) for item in flat if isinstance(item, dict))
    if isinstance(value.get("message"), dict) or (isinstance(value.get("text"), str) and "type" not in value):
        return (_choice(value),)
    if isinstance(value.get("output"), dict) and "message" in value["output"]:  # Bedrock's Converse
        return (_choice({**value["output"], "finish_reason": value.get("stopReason")}),)
    if isinstance(value.get("output"), (list, str)):
        return joined(messages(value["output"], "assistant"), mapping(value.get("incomplete_details")).get("reason"))
    if isinstance(value.get("messages"), list):
        return messages(value["messages"], "assistant")
    found = message(value, "assistant")
    return (found,) if found else ()


def _choice(raw: dict[str, Json]) -> Message:
    body = next((raw[key] for key in ("message", "delta", "content") if raw.get(key) is not None), None)
    found = message(body if body is not None else text_of(raw.get("text")), "assistant") or Message(role="assistant")
    why = (
        raw.get("finish_reason")
        or raw.get("finishReason")
        or mapping(raw.get("generation_info")).get("finish_reason")
        or _ended(raw, found)
    )
    return reasoned([found], [why])[0]


def response_metadata(result: dict[str, Json]) -> dict[str, Json]:
    """What LangChain keeps of the provider's answer beside the first message of a result: id, model, usage, reason."""
    while isinstance(result.get("generations"), list) and result["generations"]:
        first = result["generations"][0]
        result = mapping(first[0] if isinstance(first, list) and first else first)
    said = mapping(result.get("message"))
    held = mapping(said.get("kwargs")) or mapping(said.get("data")) or said
    return mapping(held.get("response_metadata"))


def _ended(raw: dict[str, Json], found: Message) -> Json:
    """Why a LangChain generation ended, where only its metadata tells."""
    held = response_metadata(raw)
    why = next((held[key] for key in ("finish_reason", "stop_reason", "stopReason") if held.get(key)), None)
    if why is None and held.get("object") == "response":
        why = mapping(held.get("incomplete_details")).get("reason") or held.get("status")
        return "tool_calls" if why == "completed" and found.tool_calls else why
    return why


_ITEMS = {*_LOOSE_ITEMS, "message"}


def joined(items: Iterable[Message], cut_by: Json = None) -> tuple[Message, ...]:
    """The items of one Responses answer are one choice; `cut_by` tells why the answer is incomplete."""
    found = tuple(items)
    inner = tuple(part for item in found for part in item.parts)
    why = reason(cut_by) or next((item.finish_reason for item in found if item.finish_reason), None)
    called = "tool_calls" if why == "stop" and any(isinstance(part, ToolCallPart) for part in inner) else why
    return (Message(role="assistant", parts=inner, finish_reason=called),) if found else ()


def _plain(raw: dict[str, Json], role: str) -> Message | None:
    kind = text_of(raw.get("type"))
    if "role" not in raw and kind in _LOOSE_ITEMS:
        return Message(role=_LOOSE_ITEMS[kind], parts=tuple(parts(raw)), finish_reason=_why(raw))
    named = raw["role"] if isinstance(raw.get("role"), str) else ROLES.get(kind, role)
    named = role if named == "unknown" else named
    speaker = ROLES.get(named, named)
    inner = tuple(_inner(raw, speaker))
    if not inner and not {"role", "content", "parts"} & raw.keys():
        return None
    name = raw.get("name") if isinstance(raw.get("name"), str) else None
    return Message(role=speaker, parts=inner, name=name or None, finish_reason=_why(raw))


def _why(raw: dict[str, Json]) -> str | None:
    """Why a message ended; an item of a Responses answer has a status instead."""
    done = raw.get("type") in _ITEMS and raw.get("status") == "completed" and raw.get("role") != "user"
    return reason(raw.get("finish_reason") or raw.get("stop_reason")) or ("stop" if done else None)


def _inner(raw: dict[str, Json], role: str) -> Iterator[Part]:
    reasoning = raw.get("reasoning_content") or raw.get("reasoning")
    if isinstance(reasoning, str):
        yield from parts({"type": "reasoning", "content": reasoning})
    content = raw["parts"] if isinstance(raw.get("parts"), list) else raw.get("content")
    if content is None and isinstance(raw.get("contents"), list):
        content = raw["contents"]
    held = tuple(parts(content))
    if role == "tool" and not any(isinstance(part, ToolResultPart) for part in held):
        yield from _result(raw, held)
    else:
        yield from held
    refusal = raw.get("refusal") or mapping(raw.get("additional_kwargs")).get("refusal")
    if refusal:
        yield RefusalPart(text=text_of(refusal))
    yield from _tool_calls(raw, held)


def _result(raw: dict[str, Json], held: tuple[Part, ...]) -> Iterator[Part]:
    text = "".join(part.text for part in held if isinstance(part, TextPart))
    if held or raw.get("content") == "":  # a tool that says nothing has answered
        yield tool_result({"tool_call_id": raw.get("tool_call_id") or raw.get("id"), "content": text})


def _tool_calls(raw: dict[str, Json], held: tuple[Part, ...]) -> Iterator[Part]:
    extra = mapping(raw.get("additional_kwargs"))
    calls = parsed(raw.get("tool_calls") or extra.get("tool_calls"))
    known = {part.id for part in held if isinstance(part, ToolCallPart)}
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict) and call.get("id") not in known:
            yield tool_call(call)
    if isinstance(raw.get("function_call"), dict):
        yield tool_call(raw["function_call"])
