"""Parse OpenLLMetry (Traceloop) up to 0.54: `gen_ai.prompt.N.*`, `gen_ai.completion.N.*` and `llm.*` on spans.

Later releases speak the GenAI conventions. Names: opentelemetry-semantic-conventions-ai 0.4.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from harness.ingest.formats._bodies import params, tokens
from harness.ingest.formats._draft import Draft
from harness.ingest.formats._indexed import nested
from harness.ingest.formats._json import Json, listing, parsed, text_of
from harness.ingest.formats._messages import message
from harness.ingest.formats._otlp import Span
from harness.types import Message, ReasoningPart

TRUST = 50

_KIND = "llm.request.type"
_LITELLM = frozenset({"acompletion", "atext_completion", "aresponses", "anthropic_messages", "agenerate_content"})
"""Further kinds of calls: LiteLLM's proxy writes the name of its function."""


def speaks(span: Span) -> bool:
    held = span.attributes
    return _KIND in held or any(name.startswith(("gen_ai.prompt.0.", "gen_ai.completion.0.")) for name in held)


def fill(span: Span, draft: Draft) -> bool:
    held = span.attributes
    if held.get(_KIND, "chat") not in {"chat", "completion", *_LITELLM}:
        return False
    asked = {name[4:]: value for name, value in held.items() if name.startswith("llm.")}
    draft.fill(
        input=_said(nested(held, "gen_ai.prompt"), "user"),
        output=_said(nested(held, "gen_ai.completion"), "assistant"),
        operation="text_completion" if held.get(_KIND) in ("completion", "atext_completion") else "chat",
        tools=tuple(_tool(tool) for tool in listing(nested(held, "llm.request.functions"))),
        params=params({**asked, "stop": asked.get("chat.stop_sequences"), "user": asked.get("user")}),
        usage=tokens({"total_tokens": held.get("llm.usage.total_tokens")}),
    )
    return True


def _said(entries: Json, role: str) -> tuple[Message, ...]:
    found = [made for raw in listing(entries) if isinstance(raw, dict) and (made := _message(raw, role))]
    return tuple(_thoughtful(found))


def _thoughtful(found: list[Message]) -> Iterator[Message]:
    """What a model thought has an entry of its own, of the role thinking: it goes before the answer that follows."""
    thought: Message | None = None
    for said in found:
        if said.role == "thinking":
            thought = said
            continue
        if thought and said.role == "assistant":
            inner = (ReasoningPart(text=thought.text), *said.parts)
            said = replace(said, parts=inner, finish_reason=said.finish_reason or thought.finish_reason)
            thought = None
        yield said


def _message(raw: dict[str, Json], role: str) -> Message | None:
    content = raw.get("content")
    if content is None and isinstance(raw.get("user"), str):  # how 0.40 writes the prompt of a legacy completion
        raw, content = {**raw, "role": "user"}, raw["user"]
    listed = parsed(content)
    known = isinstance(listed, list) and any(isinstance(item, dict) and "type" in item for item in listed)
    return message({"role": role, **raw, "content": listed if known else content})


def _tool(raw: Json) -> Json:
    if not isinstance(raw, dict):
        return raw
    function = {**raw, "name": text_of(raw.get("name")), "parameters": parsed(raw.get("parameters"))}
    return {"type": "function", "function": function}
