"""Parse spans of the Vercel AI SDK (`experimental_telemetry` and its successor): `ai.prompt.messages`, `ai.response.*`.

`ai.generateText` and its like add up the steps below them; the calls are `.doGenerate` and `.doStream`.
"""

from harness.ingest.formats._bodies import params, tokens
from harness.ingest.formats._draft import Draft, cut
from harness.ingest.formats._json import Json, listing, mapping, number, parsed, text_of
from harness.ingest.formats._messages import message, messages
from harness.ingest.formats._otlp import Attributes, Span

TRUST = 30

_OPERATION = "ai.operationId"


def speaks(span: Span) -> bool:
    return _OPERATION in span.attributes


def fill(span: Span, draft: Draft) -> bool:
    held = span.attributes
    operation = text_of(held.get(_OPERATION))
    if not operation.endswith((".doGenerate", ".doStream")):
        return False
    settings = {name[12:]: value for name, value in held.items() if name.startswith("ai.settings.")}
    used = {name[9:]: value for name, value in held.items() if name.startswith("ai.usage.")}
    metadata = {name[22:]: value for name, value in held.items() if name.startswith("ai.telemetry.metadata.")}
    own: Json = next(iter(mapping(_answer(held, "providerMetadata")).values()), {})  # the provider's own counts
    prompt = held.get("ai.prompt.messages") or held.get("ai.prompt")
    draft.flags |= cut(prompt, _answer(held, "toolCalls"))
    draft.fill(
        input=messages(prompt),
        output=tuple(filter(None, [_reply(held)])),
        provider=text_of(held.get("ai.model.provider")).partition(".")[0],
        model_requested=text_of(held.get("ai.model.id")),
        model_served=text_of(_answer(held, "model")),
        response_id=text_of(_answer(held, "id")),
        ttft_s=_seconds(_answer(held, "msToFirstChunk")),
        params={**params(settings), **({"stream": True} if operation.endswith("doStream") else {})},
        tools=tuple(_tool(tool) for tool in listing(held.get("ai.prompt.tools"))),
        usage=tokens({**mapping(own), **used}),
        metadata={name: value for name, value in metadata.items() if name not in ("userId", "sessionId", "tags")},
    )
    return True


def _answer(held: Attributes, name: str) -> Json:
    """`ai.result.*` is the older spelling of `ai.response.*`."""
    return held.get(f"ai.response.{name}", held.get(f"ai.result.{name}"))


def _reply(held: Attributes) -> Json:
    text = _answer(held, "text") or _answer(held, "object")
    calls, reason = parsed(_answer(held, "toolCalls")), _answer(held, "finishReason")
    if not text and not calls and reason is None:
        return None
    content: list[Json] = [{"type": "text", "text": text}] if text else []
    thought = _answer(held, "reasoning")
    if isinstance(thought, str) and thought:
        content.insert(0, {"type": "reasoning", "text": thought})
    reply = {"role": "assistant", "content": content, "finish_reason": reason}
    return message({**reply, "tool_calls": calls if isinstance(calls, list) else None})


def _tool(raw: Json) -> Json:
    tool = mapping(raw)
    schema: Json = next((tool[key] for key in ("inputSchema", "parameters") if tool.get(key)), {})
    function = {"name": text_of(tool.get("name")), "description": text_of(tool.get("description"))}
    return {"type": "function", "function": {**function, "parameters": schema}} if tool.get("name") else raw


def _seconds(milliseconds: Json) -> float | None:
    found = number(milliseconds)
    return None if found is None else found / 1000
