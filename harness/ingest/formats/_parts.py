"""Parse one part of a message, of any producer's shape, into a `Part`."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterator

from harness.ingest.formats._json import Json, mapping, text_of
from harness.types import MediaPart, OtherPart, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart, ToolResultPart


def parts(content: Json) -> Iterator[Part]:
    """The parts of a message's content: a text, a number, a list of parts, one part, or nothing. Empty texts are left out."""
    if isinstance(content, str):
        if content:
            yield TextPart(text=content)
    elif isinstance(content, dict):
        yield from _part(content)
    elif isinstance(content, list):
        for item in content:
            yield from parts(item)
    elif content is not None:
        yield TextPart(text=text_of(content))


def tool_call(raw: dict[str, Json]) -> ToolCallPart:
    """A tool call of OpenAI (`function{name, arguments}`, `custom{name, input}`), GenAI, LangChain (`args`), Vercel
    (`toolName, input`) or Haystack (`tool_name`)."""
    inner: dict[str, Json] = next((raw[key] for key in ("function", "custom") if isinstance(raw.get(key), dict)), {})
    both = {**raw, **inner}
    arguments = _first(both, "arguments", "args", "input", "tool_kwargs", "action", "query", "code", "operation")
    named = _first(both, "name", "toolName", "tool_name")
    return ToolCallPart(
        id=text_of(_first(raw, *_IDS)),
        name=text_of(named if named is not None else _tool_of(raw)),
        arguments=text_of(arguments),
    )


def _tool_of(raw: dict[str, Json]) -> str:
    """The name of a provider's own tool, of which the type of its call speaks: `web_search_call`."""
    kind = text_of(raw.get("type"))
    return kind.removesuffix("_call") if kind not in ("function_call", "tool_call", "custom_tool_call") else ""


_IDS = ("call_id", "callId", "toolCallId", "tool_call_id", "toolUseId", "id")


def tool_result(raw: dict[str, Json]) -> ToolResultPart:
    """What a tool answered, in any of the shapes."""
    content = _first(raw, "response", "result", "output", "content", "tools")
    if isinstance(content, str) and content.startswith("{") and '"call_id"' in content:  # the Agent Framework
        content = _first(mapping(content), "result", "output") if "result" in mapping(content) else content
    if isinstance(content, dict) and content.keys() == {"type", "value"}:  # Vercel: {"type": "json", "value": ...}
        content = content["value"]
    if isinstance(content, dict) and content.keys() == {"type", "text"}:  # the Agents SDK for JavaScript
        content = content["text"]
    if isinstance(content, list):
        texts = [part.text for part in parts(content) if isinstance(part, TextPart)]
        content = "".join(texts) if texts else content
    origin = mapping(raw.get("origin"))  # Haystack: the call that was answered
    named = ("tool_call_id", "call_id", "callId", "toolCallId", "tool_use_id", "toolUseId", "id")
    return ToolResultPart(id=text_of(_first(raw, *named) or origin.get("id")), content=text_of(content))


def media(address: str, modality: str, mime: str = "") -> MediaPart:
    """Media by address or file id; inline bytes are replaced by their hash and size."""
    if not address.startswith("data:"):
        return MediaPart(modality=modality, mime=mime, uri=address)
    head, _, data = address.partition(",")
    return inline(data, modality, mime or head[5:].split(";")[0])


def inline(data: Json, modality: str, mime: str = "") -> MediaPart:
    """Media whose bytes stand in the trace: base64 text, a list of byte values or a map from index to byte."""
    if isinstance(data, dict):
        data = list(data.values())
    try:
        blob = bytes(data) if isinstance(data, list) else base64.b64decode(text_of(data), validate=False)
    except (binascii.Error, ValueError, TypeError):
        blob = text_of(data).encode()
    return MediaPart(modality=modality, mime=mime, sha256=hashlib.sha256(blob).hexdigest(), bytes=len(blob))


def _part(raw: dict[str, Json]) -> Iterator[Part]:
    kind = _kind(raw)
    reader = _READERS.get(kind)
    if reader:
        found = reader(raw)
        if found is not None or _SAYS.isdisjoint(raw):  # an empty text is nothing; one under another name is something
            yield found or OtherPart(raw=text_of(raw))
    elif kind.startswith("tool_") and "toolCallId" in raw or kind == "dynamic_tool":
        yield from _ui_tool(raw)
    elif "toolCallId" in raw and "toolName" in raw:
        yield tool_result(raw) if {"output", "result"} & raw.keys() else tool_call(raw)
    elif isinstance(raw.get("toolInvocation"), dict):
        yield from _ui_tool(raw["toolInvocation"])
    elif kind.endswith("_call"):
        yield tool_call(raw)
    elif kind.endswith(("_output", "_result")):
        yield tool_result(raw)
    elif isinstance(raw.get("text"), str):
        thought = raw.get("thought") is True  # Gemini's
        yield from parts({"type": "reasoning", "content": raw["text"]} if thought else raw["text"])
    elif raw.keys() - {"type"}:
        yield _keyed(raw) or OtherPart(raw=text_of(raw))


_SAYS = frozenset(["text", "content", "summary", "thinking", "reasoning", "refusal"])


def _kind(raw: dict[str, Json]) -> str:
    """The type of a part in one spelling: `tool-call`, `ToolCallBlock` and `toolCall` are `tool_call`."""
    kind = text_of(_first(raw, "type", "part_kind", "kind", "block_type"))
    if not kind.islower():
        kind = _HUMPS.sub("_", kind).lower()
    kind = kind.replace("-", "_")
    return kind if kind in _READERS else _SUFFIX.sub("", kind)


_HUMPS, _SUFFIX = re.compile(r"(?<=[a-z0-9])(?=[A-Z])"), re.compile(r"_(?:content|block|part)$")


def _ui_tool(raw: dict[str, Json]) -> Iterator[Part]:
    """A tool in a message of the AI SDK's interface: its call and, when it is there, its result are one part."""
    name = _first(raw, "toolName") or text_of(raw.get("type"))[len("tool-") :]
    yield tool_call({**raw, "name": name, "type": None})
    answer = _first(raw, "output", "result", "errorText")
    if answer is not None:
        yield tool_result({"toolCallId": raw.get("toolCallId"), "output": answer})


def _keyed(raw: dict[str, Json]) -> Part | None:
    """A part of Bedrock's Converse API, of Gemini or of Genkit, whose only key tells its kind."""
    read = next((read for key, read in _KEYED.items() if isinstance(raw.get(key), dict)), None)
    if isinstance(raw.get("reasoning"), str):  # Genkit's
        return _reasoning(raw)
    return read(next(raw[key] for key in _KEYED if isinstance(raw.get(key), dict))) if read else None


def _text(raw: dict[str, Json]) -> TextPart | None:
    text = _first(raw, "content", "text")
    if isinstance(text, dict):  # {"type": "text", "text": {"value": ...}}
        text = text.get("value")
    return TextPart(text=text_of(text)) if text not in (None, "") else None


def _reasoning(raw: dict[str, Json]) -> ReasoningPart | None:
    text = _first(raw, "content", "text", "thinking", "reasoning")
    if text is None:
        text = "".join(text_of(mapping(item).get("text")) for item in raw.get("summary") or ())
    return ReasoningPart(text=text_of(text), signature=raw.get("signature")) if text else None


def _refusal(raw: dict[str, Json]) -> RefusalPart | TextPart | None:
    """OpenAI's refusal; instrumentations that write one as GenAI part, which knows no such type, mean the answer's text."""
    if raw.get("refusal"):
        return RefusalPart(text=text_of(raw["refusal"]))
    return _text(raw)


def _image(raw: dict[str, Json]) -> MediaPart:
    source = _first(raw, "image_url", "image", "url", "uri", "source", "file_id")
    mime = text_of(_first(raw, "mediaType", "mimeType", "mime_type", "media_type"))
    if isinstance(source, dict):
        nested = _first(source, "url", "uri", "file_id")
        if nested is None:
            return inline(source.get("data", source), "image", mime or text_of(source.get("media_type")))
        source = nested
    if _is_address(source):
        return media(text_of(source), "image", mime)
    return inline(source, "image", mime) if "image" in raw else media(text_of(source), "image", mime)


def _audio(raw: dict[str, Json]) -> MediaPart:
    inner = raw.get("input_audio")
    body = inner if isinstance(inner, dict) else raw
    return inline(body.get("data"), "audio", text_of(body.get("format")))


def _blob(raw: dict[str, Json]) -> MediaPart:
    mime = text_of(_first(raw, "mime_type", "media_type", "mediaType"))
    return inline(_first(raw, "content", "data", "binary_content", "attachment"), _modality(raw, mime), mime)


def _by_address(raw: dict[str, Json]) -> MediaPart:
    body = raw["file"] if isinstance(raw.get("file"), dict) else raw
    mime = text_of(_first(body, "mime_type", "mediaType", "mimeType", "media_type"))
    address = _first(body, "uri", "file_id", "url", "file_data")
    modality = _modality(raw, mime)
    data = body.get("data")
    if address is None and data is not None and not _is_address(data):
        return inline(data, modality, mime)
    return media(text_of(data if address is None else address), modality, mime)


def _modality(raw: dict[str, Json], mime: str) -> str:
    kind = mime.partition("/")[0] or text_of(_first(raw, "type", "kind")).removesuffix("-url")
    return text_of(raw.get("modality")) or (kind if kind in ("image", "audio", "video") else "file")


def _is_address(data: Json) -> bool:
    return isinstance(data, str) and data.startswith(_SCHEMES)


_SCHEMES = ("data:", "http", "file", "s3:", "gs:", "@@@")


def _first(raw: dict[str, Json], *keys: str) -> Json:
    return next((raw[key] for key in keys if raw.get(key) is not None), None)


def _bedrock_image(raw: dict[str, Json]) -> MediaPart:
    source = mapping(raw.get("source"))
    mime = f"image/{text_of(raw.get('format'))}"
    address = mapping(source.get("s3Location")).get("uri")
    return media(text_of(address), "image", mime) if address else inline(source.get("bytes"), "image", mime)


def _bedrock_reasoning(raw: dict[str, Json]) -> ReasoningPart | None:
    return _reasoning({**raw, **mapping(raw.get("reasoningText"))})


def _gemini_file(raw: dict[str, Json]) -> MediaPart:
    mime = text_of(_first(raw, "mimeType", "mime_type"))
    return media(text_of(_first(raw, "fileUri", "file_uri")), _modality({}, mime), mime)


def _gemini_bytes(raw: dict[str, Json]) -> MediaPart:
    mime = text_of(_first(raw, "mimeType", "mime_type"))
    return inline(raw.get("data"), _modality({}, mime), mime)


def _gemini_result(raw: dict[str, Json]) -> ToolResultPart:
    return tool_result({**raw, "id": raw.get("id") or raw.get("name")})


def _haystack_reasoning(raw: dict[str, Json]) -> ReasoningPart | None:
    return _reasoning({"content": raw.get("reasoning_text")})


def _genkit_call(raw: dict[str, Json]) -> ToolCallPart:
    return tool_call({**raw, "id": raw.get("ref") or ""})


def _genkit_result(raw: dict[str, Json]) -> ToolResultPart:
    return tool_result({**raw, "id": raw.get("ref") or raw.get("name")})


_KEYED: dict[str, Callable[[dict[str, Json]], Part | None]] = {
    "toolRequest": _genkit_call,
    "toolResponse": _genkit_result,
    "media": _image,
    **dict.fromkeys(("toolUse", "tool_call"), tool_call),
    **dict.fromkeys(("toolResult", "tool_call_result"), tool_result),
    "reasoning": _haystack_reasoning,
    "image": _bedrock_image,
    "reasoningContent": _bedrock_reasoning,
    **dict.fromkeys(("functionCall", "function_call"), tool_call),
    **dict.fromkeys(("functionResponse", "function_response"), _gemini_result),
    **dict.fromkeys(("inlineData", "inline_data"), _gemini_bytes),
    **dict.fromkeys(("fileData", "file_data"), _gemini_file),
}

_READERS: dict[str, Callable[[dict[str, Json]], Part | None]] = {
    **dict.fromkeys(("text", "input_text", "output_text", "system_prompt", "user_prompt"), _text),
    **dict.fromkeys(("reasoning", "thinking"), _reasoning),
    **dict.fromkeys(("tool_call", "function_call", "tool_use", "server_tool_use", "mcp_tool_use"), tool_call),
    **dict.fromkeys(("server_tool_call", "function"), tool_call),
    **dict.fromkeys(("tool_call_response", "tool_result", "tool_return", "server_tool_call_response"), tool_result),
    "refusal": _refusal,
    **dict.fromkeys(("image_url", "image", "input_image"), _image),
    **dict.fromkeys(("input_audio", "audio"), _audio),
    **dict.fromkeys(("blob", "binary"), _blob),
    **dict.fromkeys(("uri", "file", "input_file", "document_url", "audio_url", "video_url"), _by_address),
}
