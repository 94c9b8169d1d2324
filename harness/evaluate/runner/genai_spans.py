"""Describe a call of a model on a span, under OpenTelemetry's GenAI semantic conventions (1.41)."""

from typing import Any

import msgspec
from opentelemetry.trace import Span, Status, StatusCode

from harness.evaluate.runner.model import Exchange
from harness.types import Message, ReasoningPart, Reply, Request, TextPart, ToolCallPart, ToolResultPart

OPERATIONS = {"chat": "chat", "complete": "text_completion", "loglikelihood": "loglikelihood"}
"""Kind of request to the name of its operation."""


def asked(model: str, provider: str, request: Request, conversation: str) -> dict[str, Any]:
    """Attributes of a call's span when it starts."""
    messages = request.messages or (Message(role="user", parts=(TextPart(text=request.text),)),)
    held: dict[str, Any] = {
        "gen_ai.operation.name": OPERATIONS[request.kind],
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.conversation.id": conversation,
        "gen_ai.input.messages": _json([_message(message) for message in messages]),
    }
    if request.kind == "loglikelihood":
        return held | {"trueup.options": list(request.options)}
    held |= {
        "gen_ai.request.max_tokens": request.max_tokens,
        "gen_ai.request.temperature": request.temperature,
        "gen_ai.request.top_p": request.top_p,
        "gen_ai.request.seed": request.seed,
    }
    if request.stop:
        held["gen_ai.request.stop_sequences"] = list(request.stop)
    if request.tools:
        held["gen_ai.tool.definitions"] = _json(request.tools)
    return held


def answered(span: Span, exchange: Exchange) -> None:
    """Set what came back on the span, or the error that came in its place."""
    reply = exchange.answer
    if not isinstance(reply, Reply):
        span.set_attribute("error.type", type(reply).__name__)
        span.set_status(Status(StatusCode.ERROR, str(reply)))
        return
    thoughts = (ReasoningPart(text=reply.reasoning),) if reply.reasoning else ()
    parts = (*thoughts, *((TextPart(text=reply.text),) if reply.text else ()), *reply.tool_calls)
    said = {**_message(Message(role="assistant", parts=parts)), "finish_reason": reply.finish_reason}
    held: dict[str, Any] = {
        "gen_ai.output.messages": _json([said]),
        "gen_ai.response.model": _model(span),
        "gen_ai.response.finish_reasons": [reply.finish_reason],
        "gen_ai.usage.input_tokens": reply.usage.input,
        "gen_ai.usage.output_tokens": reply.usage.output,
        "gen_ai.usage.cache_read.input_tokens": reply.usage.cache_read,
        "gen_ai.usage.reasoning.output_tokens": reply.usage.reasoning,
        "trueup.seconds": reply.seconds,
        "trueup.cached": reply.cached,
        "trueup.logprobs": list(reply.logprobs) or None,
    }
    span.set_attributes({name: value for name, value in held.items() if value is not None})


def _model(span: Any) -> Any:
    """The model that the span was started with: an arm is served by what it names."""
    return span.attributes["gen_ai.request.model"]


def _message(message: Message) -> dict[str, Any]:
    return {"role": message.role, "parts": [_part(part) for part in message.parts]}


def _part(part: Any) -> Any:
    """A part as the conventions' JSON schema of messages has it; what it does not know is written as we keep it."""
    if isinstance(part, TextPart):
        return {"type": "text", "content": part.text}
    if isinstance(part, ReasoningPart):
        return {"type": "reasoning", "content": part.text}
    if isinstance(part, ToolCallPart):
        return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": part.arguments}
    if isinstance(part, ToolResultPart):
        return {"type": "tool_call_response", "id": part.id, "response": part.content}
    return msgspec.to_builtins(part)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
