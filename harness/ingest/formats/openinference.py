"""Parse OpenInference spans (Arize Phoenix): `llm.input_messages.N.message.*`, `llm.output_messages.N.message.*`.

Specification: Arize-ai/openinference, spec/semantic_conventions.md.
"""

from typing import Any

from harness.ingest.formats import _guard
from harness.ingest.formats._bodies import params, request, response, tokens
from harness.ingest.formats._draft import Draft, cut
from harness.ingest.formats._envelopes import is_request, is_response
from harness.ingest.formats._indexed import nested
from harness.ingest.formats._json import Json, listing, mapping, parsed, text_of
from harness.ingest.formats._messages import choices, message, reasoned
from harness.ingest.formats._otlp import Attributes, Span
from harness.types import Message, OtherPart

TRUST = 40

_KIND = "openinference.span.kind"
_ASKED, _WRITTEN = "llm.input_messages", "llm.output_messages"


def speaks(span: Span) -> bool:
    return _KIND in span.attributes or any(name.startswith((_ASKED, _WRITTEN)) for name in span.attributes)


def fill(span: Span, draft: Draft) -> bool:
    held = span.attributes
    if text_of(held.get(_KIND, "LLM")).upper() != "LLM":  # messages alone show a call, too
        return False
    asked, answered = _body(held.get("input.value")), _body(held.get("output.value"))
    if is_request(answered) and not is_response(answered):  # LlamaIndex: a span that prepared a request
        return False
    sent, got = request(asked) if asked else {}, response(answered) if answered else {}
    read, written = messages(held, _ASKED), messages(held, _WRITTEN)
    draft.fill(
        input=_truer(sent.get("input"), read, asked, _REQUESTS),
        output=_truer(got.get("output"), written, answered, _RESPONSES),
    )
    _completion(held, draft)
    draft.fill(**got)
    _facts(held, draft)
    draft.fill(**sent)
    _bare(held, draft)
    _reasons(held, answered, draft)
    return True


def _body(raw: Json) -> dict[str, Json]:
    """A request or response; a stream of the Agents SDK is recorded as a list that holds the one response."""
    found = parsed(raw)
    return mapping(found[0] if isinstance(found, list) and len(found) == 1 else found)


_REQUESTS = ("messages", "contents")
_RESPONSES = ("choices", "output", "content", "generations", "candidates", "replies")
"""Where the bodies of model APIs, and LangChain's results, hold what was said."""


def _truer(raw: Any, spelled: tuple[Message, ...], body: dict[str, Json], keys: tuple[str, ...]) -> tuple[Message, ...]:
    """The messages of a raw body rather than the spelled out ones, which flatten parts and lose refusals.

    Not where a text was hidden on purpose, nor from a body that no API has, unless the other is a wrapper.
    """
    known = raw and any(isinstance(body.get(key), list) for key in keys)
    odd = any(isinstance(part, OtherPart) for said in raw or () for part in said.parts)
    if raw and _guard.ENVELOPE in _guard.flags(spelled) and not _guard.flags(raw):
        return tuple(raw)
    bad = odd or _guard.flags(raw or ()) or _guard.PLACEHOLDER in _guard.flags(spelled)
    return raw if known and not bad else spelled


def messages(held: Attributes, prefix: str) -> tuple[Message, ...]:
    entries, role = listing(nested(held, prefix)), "user" if prefix.endswith(_ASKED) else "assistant"
    return tuple(made for entry in entries if (made := _message(mapping(entry).get("message", entry), role)))


def _message(raw: Json, role: str) -> Message | None:
    """A message, whose keys may be nested or still dotted (in data frames)."""
    body = _undotted(raw)
    if not isinstance(body, dict):
        return None
    body = mapping(body.get("message")) or body
    calls = [mapping(mapping(call).get("tool_call", call)) for call in listing(body.get("tool_calls"))]
    contents = [_part(mapping(item)) for item in listing(body.get("contents"))]
    content = contents or body.get("content")
    if body.get("function_call_name"):
        calls.append({"name": body["function_call_name"], "arguments": body.get("function_call_arguments_json")})
    return message({"role": role, **body, "content": content, "contents": None, "tool_calls": calls})


def _undotted(raw: Json) -> Json:
    if isinstance(raw, list):
        return [_undotted(item) for item in raw]
    if not isinstance(raw, dict):
        return raw
    if not any("." in key for key in raw):
        return {key: _undotted(value) for key, value in raw.items() if value is not None}
    flat = {f"x.{key}": _undotted(value) for key, value in raw.items() if value is not None}
    return nested(flat, "x")


def _part(item: dict[str, Json]) -> Json:
    """A part as the message readers know it; a tool call stands beside the content that announces it."""
    if "tool_call" in item:
        return {**mapping(item["tool_call"]), "type": "tool_call"}
    body = mapping(item.get("message_content", item))
    image = mapping(body.get("image"))
    return {**body, "image": image.get("image", image)} if image else body


def _completion(held: Attributes, draft: Draft) -> None:
    """Prompts and texts of the legacy completions API."""
    asked = [_text(entry, "prompt") for entry in listing(nested(held, "llm.prompts"))]
    said = [_text(entry, "completion") for entry in listing(nested(held, "llm.choices"))]
    draft.fill(
        input=tuple(filter(None, (message({"role": "user", "content": text}) for text in asked if text))),
        output=tuple(filter(None, (message({"role": "assistant", "content": text}) for text in said if text))),
    )


def _text(entry: Json, name: str) -> Json:
    """The text of a prompt or completion; LlamaIndex lists bare texts."""
    return entry if isinstance(entry, str) else mapping(mapping(entry).get(name)).get("text")


def _facts(held: Attributes, draft: Draft) -> None:
    asked = mapping(held.get("llm.invocation_parameters"))
    draft.fill(
        provider=text_of(held.get("llm.provider") or held.get("llm.system")),
        model_requested=text_of(held.get("llm.request.model_name") or asked.get("model") or asked.get("model_name")),
        model_served=text_of(held.get("llm.response.model_name") or held.get("llm.model_name")),
        params=params(asked),
        response_format=asked.get("response_format"),
        tools=tuple(_tool(entry) for entry in listing(nested(held, "llm.tools"))) or tuple(listing(asked.get("tools"))),
        usage=_usage(held),
        metadata=mapping(held.get("metadata")),
    )


def _tool(entry: Json) -> Json:
    held = mapping(entry)
    schema = mapping(held.get("tool")).get("json_schema") or held.get("tool.json_schema") or entry
    return mapping(schema) or schema


def _usage(held: Attributes) -> dict[str, int]:
    count = {name[16:]: value for name, value in held.items() if name.startswith("llm.token_count.")}
    return tokens(
        {
            "input": count.get("prompt"),
            "output": count.get("completion"),
            "total": count.get("total"),
            "cached_tokens": count.get("prompt_details.cache_read"),
            "cache_write_tokens": count.get("prompt_details.cache_write"),
            "reasoning_tokens": count.get("completion_details.reasoning"),
        }
    )


def _bare(held: Attributes, draft: Draft) -> None:
    """An answer that is a bare text and spelled out nowhere, and raw bodies that were cut."""
    asked, answered = held.get("input.value"), held.get("output.value")
    if not draft.output and isinstance(answered, str) and answered and not _body(answered):
        draft.fill(output=(message({"role": "assistant", "content": answered}),))
    if cut(asked) and not draft.input or cut(answered) and not draft.output:
        draft.flags |= {"truncated"}


def _reasons(held: Attributes, answered: dict[str, Json], draft: Draft) -> None:
    why = held.get("llm.finish_reason")
    reasons = [mapping(choice).get("finish_reason") or why for choice in listing(answered.get("choices"))]
    if answered.get("object") == "response":
        reasons = [said.finish_reason for said in choices(answered)]
    draft.output = reasoned(draft.output, reasons or [why])
