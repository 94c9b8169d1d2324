"""Parse messages of any producer's shape into `Message`s.

Read: OpenAI chat and Responses, the GenAI semantic conventions (`parts`), LangChain constructors, the Vercel AI SDK,
Anthropic content blocks, and bare text. JSON text inside strings is decoded.
"""

import re
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from harness.ingest.formats import _ai_sdk, _pydantic_ai, _roles
from harness.ingest.formats._envelopes import is_completion, is_message, is_part, is_response, is_wrapper, opened
from harness.ingest.formats._json import Json, mapping, parsed, text_of
from harness.ingest.formats._named_results import results_named
from harness.ingest.formats._parts import parts, tool_call, tool_result
from harness.types import Message, Part, RefusalPart, TextPart, ToolCallPart, ToolResultPart

_CALLED, _ANSWERED = ("_call", "functionCall"), ("_output", "_result", "_call_response")
"""How the types of items end that are no messages but stand among them: what the model called, and what it got back."""


def _side(kind: str) -> str:
    """The role that a loose item of the Responses API speaks for; empty when it is none."""
    if kind.endswith(_CALLED) or kind == "reasoning":
        return "assistant"
    return "tool" if kind.endswith(_ANSWERED) else ""


REASONS = {
    **dict.fromkeys(("tool_call", "tool-calls", "tool_use", "toolUse", "function_call"), "tool_calls"),
    **dict.fromkeys(
        ("end_turn", "completed", "STOP", "stop_sequence", "FINISH_REASON_STOP", "COMPLETE", "eos_token"), "stop"
    ),
    **dict.fromkeys(("max_tokens", "MAX_TOKENS", "max_output_tokens", "incomplete"), "length"),
    **dict.fromkeys(("content-filter", "SAFETY"), "content_filter"),
}
"""Finish reasons of other providers and SDKs -> the OpenAI API's."""


def reason(raw: Json) -> str | None:
    """A finish reason in the OpenAI API's words, also as a member of an enumeration; an unknown one stays as it came."""
    text = text_of(raw)
    if text in REASONS or text.islower():
        return REASONS.get(text, text)
    member = text.rpartition(".")[2]
    plain = _HUMPS.sub("_", member).lower()
    return REASONS.get(member) or REASONS.get(plain) or (plain if plain in _REASONS else text) or None


_REASONS, _HUMPS = frozenset(["stop", "length", "tool_calls", "content_filter"]), re.compile(r"(?<=[a-z])(?=[A-Z])")


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
        flat = [item for inner in value for item in (inner if _is_list(inner) else (inner,))]
        if flat and all(map(is_part, flat)):
            flat = [{"role": role, "content": flat}]
        return tuple(
            found
            for item in results_named(flat)
            for whole in _apart(item)
            if (found := message(whole, role)) is not None
        )
    text = raw if isinstance(raw, str) else text_of(raw)
    return (Message(role=role, parts=(TextPart(text=text),)),) if text else ()


def message(raw: Json, role: str = "user") -> Message | None:
    """One message of any shape; None when there is nothing to read."""
    if isinstance(raw, str):
        inner = opened(raw)
        if is_message(inner):
            return message(inner, role)
        return Message(role=role, parts=(TextPart(text=raw),)) if raw else None
    if not isinstance(raw, dict):
        return Message(role=role, parts=tuple(parts(raw))) if isinstance(raw, (int, float)) else None
    if isinstance(raw.get("kwargs"), dict) and isinstance(raw.get("id"), list):  # LangChain's constructor form
        raw = {"role": _roles.speaker(raw["id"][-1], role), **raw["kwargs"]}
    elif isinstance(raw.get("data"), dict) and "type" in raw:  # LangChain's message_to_dict form
        raw = {"role": _roles.speaker(raw["type"], role), **raw["data"]}
    elif "_role" in raw:  # Haystack up to 2.8
        raw = {name.removeprefix("_"): value for name, value in raw.items()}
    return _plain(raw, role)


def _is_list(value: Json) -> bool:
    """Whether a value is a list of messages, and no pair of a role and a text."""
    return isinstance(value, list) and not _is_pair(value)


def _is_pair(value: Json) -> bool:
    both = isinstance(value, list) and len(value) == 2 and all(isinstance(item, str) for item in value)
    return both and bool(_roles.known(value[0]))


def _apart(item: Json) -> list[Json]:
    """A message; a pair of a role and a text, or a request of Pydantic AI, as the messages that it holds."""
    return [{"role": item[0], "content": item[1]}] if _is_pair(item) else _pydantic_ai.apart(item)


def choices(raw: Json) -> tuple[Message, ...]:
    """The answers in `raw`, one message a choice, with their finish reasons.

    Reads a chat completion, a legacy completion, a Responses object or its items, LangChain generations, a message, a
    list of messages and a bare text.
    """
    value = _shaped(raw)
    if isinstance(raw, str) and isinstance(value, dict) and _roles.known(value.get("role")) in ("user", "system"):
        return (Message(role="assistant", parts=(TextPart(text=raw),)),)  # no answer has another speaker
    if isinstance(value, dict) and value and _API.isdisjoint(value) and not is_wrapper(value):
        return (
            Message(role="assistant", parts=(TextPart(text=text_of(value)),)),
        )  # an answer that is JSON, as a value
    if isinstance(value, dict):
        return _from_response(value)
    if isinstance(value, list) and any(isinstance(item, dict) and "message" in item for item in value):
        return tuple(_choice(item) for item in value if isinstance(item, dict))
    if isinstance(value, list) and any(isinstance(item, dict) and _is_item(item) for item in value):
        return _answered(messages(value, "assistant"))
    if isinstance(value, list) and value and all(map(is_response, value)) and not any(map(is_message, value)):
        return tuple(said for item in value for said in _from_response(item))
    return messages(raw, "assistant")


_API = frozenset(
    [
        "choices",
        "object",
        "error",
        "message",
        "messages",
        "delta",
        "generations",
        "candidates",
        "replies",
        "steps",
        "output",
        "outputs",
    ]
)
_API |= frozenset(
    ["response", "completion", "output_text", "text", "content", "parts", "role", "usage", "kwargs", "llm_output"]
)
"""Names under which responses hold something."""


def _shaped(raw: Json) -> Json:
    """`raw`, or what its text holds when that is messages; an answer that is JSON itself stays a text."""
    if not isinstance(raw, str):
        return raw
    value = opened(raw)
    return raw if value is None else value


_LEADS = ("instructions", "system", "system_instruction", "systemInstruction")


def _from_request(value: dict[str, Json], role: str) -> tuple[Message, ...]:
    settings = mapping(value.get("config"))  # Gemini's, in Python
    lead = next((held[key] for held in (value, settings) for key in _LEADS if held.get(key)), None)
    before = _led(lead) if lead else ()
    if value.get("user_prompt"):
        return before + messages(_pydantic_ai.run(value), role)
    for key in ("messages", "input", "prompt", "contents"):
        if isinstance(value.get(key), (list, str, dict)) and not (key == "contents" and "role" in value):
            return before + messages(value[key], role)
    return before + tuple(found for whole in _apart(value) if (found := message(whole, role)))


def _led(lead: Json) -> tuple[Message, ...]:
    """What stands before the conversation: a text, messages, or the parts of one message."""
    if isinstance(lead, list) and not any(isinstance(item, dict) and "role" in item for item in lead):
        made = message({"role": "system", "content": lead})
        return (made,) if made else ()
    return messages(lead, "system")


def _from_response(value: dict[str, Json]) -> tuple[Message, ...]:
    for key in ("choices", "generations", "candidates", "replies"):
        if isinstance(value.get(key), list):
            flat = [item for inner in value[key] for item in (inner if isinstance(inner, list) else (inner,))]
            return tuple(_choice(item) for item in flat if isinstance(item, (dict, str) if key == "replies" else dict))
    if isinstance(value.get("message"), (dict, str)) and "role" not in value:
        return (_choice(value),)
    inner = value.get("response")
    if (
        isinstance(inner, dict)
        and _API & value.keys() <= {"response", "usage"}
        and ("parts" in inner or is_wrapper(inner))
    ):
        return _from_response(inner)
    if isinstance(value.get("generated_text"), list):  # a chat of transformers' pipelines: the question comes with it
        return messages(value["generated_text"], "assistant")[-1:]
    if "raw" in value and "pydantic" in value:  # CrewAI's result
        value = {"output_text": value["raw"]}
    for key in ("results", "outputs"):  # Titan, and Mistral on Bedrock
        if isinstance(value.get(key), list) and all(map(is_completion, value[key])):
            return tuple(said for item in value[key] for said in _from_response(item))
    if "text" in mapping(value.get("output")) and is_completion(value):  # DashScope
        value = {**value, **value["output"]}
    if (told := next((value[key] for key in _TEXTS if isinstance(value.get(key), str)), None)) is not None:
        return (_choice({**value, "text": told}),)
    if said := messages(_ai_sdk.turns(value), "assistant"):
        why = reason(_ai_sdk.why(value))
        return tuple(replace(turn, finish_reason=why or turn.finish_reason) for turn in joined(said))
    if isinstance(value.get("text"), str) and not {"type", "role"} & value.keys():
        return (_choice({"message": {**value, "content": value["text"]}, **value}),)
    if isinstance(value.get("output"), dict) and "message" in value["output"]:  # Bedrock's Converse
        return (_choice({**value["output"], "finish_reason": value.get("stopReason")}),)
    if isinstance(value.get("output"), (list, str)):
        return joined(messages(value["output"], "assistant"), mapping(value.get("incomplete_details")).get("reason"))
    if isinstance(value.get("messages"), list):
        return messages(value["messages"], "assistant")
    if isinstance(value.get("content"), dict) and "parts" in value["content"]:  # the one candidate of Gemini
        return (_choice(value),)
    found = next((made for whole in _apart(value) if (made := message(whole, "assistant"))), None)
    return (found,) if found else ()


_TEXTS = ("response", "completion", "generation", "generated_text", "output_text", "outputText", "Text")
"""Where the answers of Ollama and of models on Bedrock and Hugging Face hold their text."""


_SAID = ("message", "delta", "content")


def _choice(raw: Json) -> Message:
    if isinstance(raw, str):
        return message(raw, "assistant") or Message(role="assistant")
    body = raw if is_message(raw) else next((raw[key] for key in _SAID if raw.get(key) is not None), None)
    found = message(body if body is not None else text_of(raw.get("text")), "assistant") or Message(role="assistant")
    why = (
        raw.get("finish_reason")
        or next(
            (raw[key] for key in ("finishReason", "stop_reason", "done_reason", "completionReason") if raw.get(key)),
            None,
        )
        or mapping(raw.get("generation_info")).get("finish_reason")
        or mapping(raw.get("meta")).get("finish_reason")
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


def joined(items: Iterable[Message], cut_by: Json = None) -> tuple[Message, ...]:
    """The items of one Responses answer are one choice; `cut_by` tells why the answer is incomplete."""
    found = tuple(items)
    inner = tuple(part for item in found for part in item.parts)
    why = reason(cut_by) or next((item.finish_reason for item in found if item.finish_reason), None)
    called = "tool_calls" if why == "stop" and any(isinstance(part, ToolCallPart) for part in inner) else why
    return (Message(role="assistant", parts=inner, finish_reason=called),) if found else ()


def _answered(said: tuple[Message, ...]) -> tuple[Message, ...]:
    """The items of an answer as one choice. Items that repeat the conversation stay messages: no model said them."""
    others = [place for place, item in enumerate(said) if item.role not in ("assistant", "tool")]
    return (*said[: others[-1] + 1], *joined(said[others[-1] + 1 :])) if others else joined(said)


def _is_item(raw: dict[str, Json]) -> bool:
    """Whether it is an item of a Responses answer."""
    kind = text_of(raw.get("type"))
    return kind == "message" or ("role" not in raw and bool(_side(kind)))


def _plain(raw: dict[str, Json], role: str) -> Message | None:
    kind = text_of(raw.get("type"))
    side = "" if "role" in raw else _side(kind)
    if side and not _roles.known(kind):
        return Message(role=side, parts=tuple(parts(raw)), finish_reason=_why(raw))
    speaker = _roles.speaker(raw["role"] if isinstance(raw.get("role"), str) else _roles.known(kind), role)
    inner = tuple(_inner(raw, speaker))
    if not inner and not {"role", "content", "parts"} & raw.keys():
        return Message(role=role, parts=tuple(parts(raw))) if kind and not _roles.known(kind) else None
    if speaker == "tool" and inner and all(isinstance(part, ToolCallPart) for part in inner):
        speaker = "assistant"  # a tool answers, and only a model calls
    name = raw.get("name") if isinstance(raw.get("name"), str) else None
    return Message(role=speaker, parts=inner, name=name or None, finish_reason=_why(raw))


def _why(raw: dict[str, Json]) -> str | None:
    """Why a message ended; an item of a Responses answer has a status instead."""
    done = raw.get("status") == "completed" and raw.get("role") != "user" and _is_item(raw)
    why = raw.get("finish_reason") or raw.get("stop_reason") or mapping(raw.get("meta")).get("finish_reason")
    return reason(why) or ("stop" if done else None)


_HOLDERS = ("parts", "content", "contents", "blocks")


def _inner(raw: dict[str, Json], role: str) -> Iterator[Part]:
    reasoning = raw.get("reasoning_content") or raw.get("reasoning")
    if isinstance(reasoning, str):
        yield from parts({"type": "reasoning", "content": reasoning})
    content = raw["parts"] if isinstance(raw.get("parts"), list) else raw.get("content")
    if content is None:
        content = next((raw[key] for key in _HOLDERS if raw.get(key) is not None), None)
    if content is None and "role" in raw:
        content = raw.get("text")
    if role == "tool" and isinstance(content, dict) and not is_part(content) and "type" not in content:
        content = text_of(content)  # what the tool gave back, as a value
    held = tuple(_opened(content, role))
    calls = held and all(isinstance(part, ToolCallPart) for part in held)
    if role == "tool" and not calls and not any(isinstance(part, ToolResultPart) for part in held):
        yield from _result(raw, held)
    else:
        yield from _each_call_once(held)
    refusal = raw.get("refusal") or mapping(raw.get("additional_kwargs")).get("refusal")
    if refusal:
        yield RefusalPart(text=text_of(refusal))
    yield from _tool_calls(raw, held)


def _each_call_once(held: Iterable[Part]) -> Iterator[Part]:
    """The parts; a call that stands there as text and as part is one."""
    seen = set[str]()
    for part in held:
        if not (isinstance(part, ToolCallPart) and part.id in seen):
            yield part
        if isinstance(part, ToolCallPart) and part.id:
            seen.add(part.id)


def _opened(content: Json, role: str) -> Iterator[Part]:
    """The parts of a content. Where a text is a message of the same speaker once more, what that holds."""
    for part in parts(content):
        inner = opened(part.text) if isinstance(part, TextPart) else None
        yield from (part,) if inner is None else _once_more(inner, role) or (part,)


def _once_more(value: Json, role: str) -> tuple[Part, ...]:
    """What a wrapper inside a message holds; nothing where it is of another speaker."""
    if isinstance(value, list) and all(map(is_part, value)):
        return tuple(parts(value))
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if is_message(value):
        said = message(value, role)
        return said.parts if said and said.role == role else ()
    answers = _from_response(value) if role == "assistant" and is_response(value) else ()
    return answers[0].parts if len(answers) == 1 else ()


def _result(raw: dict[str, Json], held: tuple[Part, ...]) -> Iterator[Part]:
    text = "".join(part.text for part in held if isinstance(part, TextPart))
    calls = not text and any(raw.get(name) for name in ("tool_calls", "toolCalls"))
    if (held or raw.get("content") == "") and not calls:  # a tool that says nothing has answered
        id = next((raw[key] for key in ("tool_call_id", "toolCallId", "call_id", "id") if raw.get(key)), None)
        yield tool_result({"tool_call_id": id, "content": text})
    yield from (part for part in held if not isinstance(part, TextPart))


def _tool_calls(raw: dict[str, Json], held: tuple[Part, ...]) -> Iterator[Part]:
    extra = mapping(raw.get("additional_kwargs"))
    calls = parsed(raw.get("tool_calls") or raw.get("toolCalls") or extra.get("tool_calls"))
    known = {part.id for part in held if isinstance(part, ToolCallPart)}
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict) and tool_call(call).id not in known - {""}:
            yield tool_call(call)
    if isinstance(raw.get("function_call"), dict):
        yield tool_call(raw["function_call"])
