"""Translate requests of the OpenAI API into calls of a case's model, and its replies back.

Chat completions, plain and streamed, and raw completions are served. What would change the reply and cannot be passed on
is refused, never left out in silence.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from harness.core.codec import from_chat, to_chat
from harness.errors import InputError
from harness.types import Json, Message, OtherPart, Reply, TextPart

CHAT, COMPLETIONS, MODELS = "/chat/completions", "/completions", "/models"
JSON, EVENTS = "application/json", "text/event-stream"
NEUTRAL: dict[str, tuple[Json, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "tool_choice": ("auto", "none"),
    "modalities": (["text"],),
    "frequency_penalty": (0, 0.0),
    "presence_penalty": (0, 0.0),
    "logprobs": (False, 0),
    "logit_bias": ({},),
    "functions": ([],),
    "audio": (),
    "echo": (False,),
    "suffix": ("",),
}
"""Settings that a model under test does not have, with the values that change nothing."""
LIMITS = {"length": "length", "incomplete": "length", "content_filter": "content_filter"}


class Answers(Protocol):
    """What is used of a `Model`."""

    @property
    def chat(self) -> Callable[..., Reply]: ...
    @property
    def complete(self) -> Callable[..., Reply]: ...


class ApiResponse(msgspec.Struct, frozen=True):
    """A response to send: HTTP status, type and body."""

    status: int
    kind: str
    body: bytes


def answer(model: Answers, name: str, path: str, body: bytes) -> ApiResponse:
    """The response to a request for `path` (after `/v1`). Raises InputError on what cannot be served, and what the model
    raised."""
    if path == MODELS:
        entry = {"id": name, "object": "model", "created": 0, "owned_by": "trueup"}
        return _json({"object": "list", "data": [entry]})
    serve = {CHAT: _chat, COMPLETIONS: _completion}.get(path)
    if serve is None:
        raise InputError(
            f"the application asked for {path}, which a model under test does not serve",
            next=f"let it use {CHAT}, or another address for what is not the model under test",
        )
    try:
        request = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise InputError(f"the application's request is not JSON: {error}") from error
    given = {key: value for key, value in request.items() if value is not None}
    for key, harmless in NEUTRAL.items():
        if key in given and given[key] not in harmless:
            raise InputError(f"the application asked for {key}={given[key]!r}, which a model under test cannot do")
    return serve(model, name, given)


def refusal(status: int, text: str) -> ApiResponse:
    """An error response, which clients are told not to repeat."""
    error = {"message": text, "type": "trueup", "param": None, "code": None}
    return ApiResponse(status, JSON, msgspec.json.encode({"error": error}))


def _chat(model: Answers, name: str, given: Mapping[str, Any]) -> ApiResponse:
    if not isinstance(given.get("messages"), list):
        raise InputError("the application's request has no list of `messages`")
    messages = tuple(_message(item) for item in given["messages"])
    tools = given.get("tools", ()) if given.get("tool_choice") != "none" else ()
    reply = model.chat(messages, tools=tools, schema=_schema(given.get("response_format")), **_sampling(given))
    finish = LIMITS.get(reply.finish_reason) or ("tool_calls" if reply.tool_calls else "stop")
    parts = ((TextPart(text=reply.text),) if reply.text else ()) + reply.tool_calls
    said = to_chat(Message(role="assistant", parts=parts))
    if reply.tool_calls:
        said["content"] = reply.text or None
    if reply.reasoning:
        said["reasoning_content"] = reply.reasoning
    head = {"id": f"chatcmpl-{reply.key[:12] or 'case'}", "created": 0, "model": name}
    if not given.get("stream"):
        choice = {"index": 0, "message": said, "finish_reason": finish, "logprobs": None}
        return _json({**head, "object": "chat.completion", "choices": [choice], "usage": _usage(reply)})
    calls = [{"index": at, **call} for at, call in enumerate(said.pop("tool_calls", ()))]
    delta = {**said, **({"tool_calls": calls} if calls else {})}
    return _stream({**head, "object": "chat.completion.chunk"}, "delta", delta, finish, reply, given)


def _completion(model: Answers, name: str, given: Mapping[str, Any]) -> ApiResponse:
    if not isinstance(given.get("prompt"), str):
        raise InputError("the application's request has no text as `prompt`")
    reply = model.complete(given["prompt"], **_sampling(given))
    finish = LIMITS.get(reply.finish_reason, "stop")
    head = {"id": f"cmpl-{reply.key[:12] or 'case'}", "created": 0, "model": name, "object": "text_completion"}
    if given.get("stream"):
        return _stream(head, "text", reply.text, finish, reply, given)
    choice = {"index": 0, "text": reply.text, "finish_reason": finish, "logprobs": None}
    return _json({**head, "choices": [choice], "usage": _usage(reply)})


def _message(item: Any) -> Message:
    message = from_chat(item)
    other = next((part for part in message.parts if isinstance(part, OtherPart)), None)
    if other is not None:
        raise InputError(f"the application sent what is not text: {other.raw[:80]}")
    return message


def _sampling(given: Mapping[str, Any]) -> dict[str, Any]:
    """What `Model.chat` takes of the request; a seed is not among it, since arms share those of the harness."""
    known = {name: given[name] for name in ("temperature", "top_p", "stop") if name in given}
    most = given.get("max_completion_tokens", given.get("max_tokens"))
    return {**known, "max_tokens": most} if most is not None else known


def _schema(form: Any) -> Json:
    """The JSON schema that a reply is held to; None: none."""
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "json_schema":
        return form["json_schema"].get("schema")
    if kind == "json_object":
        return {"type": "object"}
    if kind in (None, "text"):
        return None
    raise InputError(f"the application asked for the response format {kind!r}")


def _usage(reply: Reply) -> dict[str, int]:
    given, made = reply.usage.input or 0, reply.usage.output or 0
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


def _json(value: Json) -> ApiResponse:
    return ApiResponse(200, JSON, msgspec.json.encode(value))


def _stream(
    head: Mapping[str, Any], key: str, content: Json, finish: str, reply: Reply, given: Mapping[str, Any]
) -> ApiResponse:
    """The whole reply as one piece of a stream, then its end: the model's replies come in batches, not in pieces."""
    rest: Json = {} if key == "delta" else ""
    choices = [[{"index": 0, key: content, "finish_reason": None}], [{"index": 0, key: rest, "finish_reason": finish}]]
    events: list[dict[str, Any]] = [{**head, "choices": choice} for choice in choices]
    if (given.get("stream_options") or {}).get("include_usage"):
        events.append({**head, "choices": [], "usage": _usage(reply)})
    lines = [b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events]
    return ApiResponse(200, EVENTS, b"".join([*lines, b"data: [DONE]\n\n"]))
