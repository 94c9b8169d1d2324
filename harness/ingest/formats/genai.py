"""Parse OpenTelemetry's GenAI semantic conventions, every generation of them, on spans, span and log events.

    up to 1.27   events `gen_ai.content.prompt` and `.completion`; attributes `gen_ai.prompt`, `gen_ai.completion`
    1.28 - 1.36  events `gen_ai.system.message`, `.user.message`, ..., `gen_ai.choice`, as log records or on the span
    1.37 -       `gen_ai.input.messages`, `.output.messages`, `.system_instructions`, as JSON text or structured, as
                 attributes or in the event `gen_ai.client.inference.operation.details`

Specification: open-telemetry/semantic-conventions 1.41 and semantic-conventions-genai.
"""

from collections.abc import Iterable
from typing import Any

from harness.ingest.formats import _kinds, _spoken
from harness.ingest.formats._bodies import params, tokens
from harness.ingest.formats._draft import Draft, cut
from harness.ingest.formats._envelopes import opened
from harness.ingest.formats._json import Json, is_true, listing, mapping, number, parsed, text_of
from harness.ingest.formats._messages import choices, joined, message, messages, reason, reasoned
from harness.ingest.formats._otlp import Attributes, Event, Log, Span
from harness.types import Message, OtherPart

TRUST = 90

DETAILS = "gen_ai.client.inference.operation.details"
ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.developer.message": "developer",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
CHOICE = "gen_ai.choice"
_CONTENT = ("gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages")
_REFERENCES = frozenset(f"{name}_ref" for name in _CONTENT)
PLACEHOLDER = "Function called with tools"
"""What OpenLIT writes in place of the answer when the request offered tools: no model said it, so none may learn it."""

_LEGACY_IN, _LEGACY_OUT = "gen_ai.content.prompt", "gen_ai.content.completion"


def speaks(span: Span) -> bool:
    return any(name.startswith("gen_ai.") for name in span.attributes) or any(is_content(e.name) for e in span.events)


def fill(span: Span, draft: Draft) -> bool:
    """Put in what the conventions say. False when the span is no call to a model: an agent, a tool, an embedding."""
    held = dict(span.attributes)
    for event in span.events:
        if event.name == DETAILS:
            held = {**event.attributes, **held}
    says = bool(span.events) and any(is_content(event.name) for event in span.events)
    if not _kinds.is_call(held, span.kind, says):
        return False
    _content(held, span.events, draft)
    _other_names(held, draft)
    _facts(held, draft)
    return True


def is_content(name: str) -> bool:
    """Whether an event of this name carries messages."""
    return name in ROLES or name in (CHOICE, DETAILS) or name.startswith((_LEGACY_IN, _LEGACY_OUT))


def as_event(log: Log) -> Event:
    """A log record as the span event that says the same: the fields of its body, also as text, become attributes."""
    body = log.body if isinstance(log.body, dict) else {} if log.body is None else {"content": log.body}
    if isinstance(log.body, str) and isinstance(wrapped := opened(log.body), dict):
        body = wrapped
    return Event(log.name, log.at_ns, {**log.attributes, **body})


def _content(held: Attributes, events: list[Event], draft: Draft) -> None:
    raw = [held.get(name) for name in _CONTENT]
    system, read, written = _spoken.instructions(raw[0]), _spoken.messages(raw[1]), _spoken.messages(raw[2])
    if system is None or read is None or written is None:
        draft.flags |= cut(held.get("gen_ai.prompt"), held.get("gen_ai.completion"))
    if system is None:
        instructions = parsed(raw[0])
        draft.flags |= cut(instructions)
        system = tuple(_system(instructions)) if instructions else ()
    if read is None:
        asked = parsed(raw[1])
        draft.flags |= cut(asked)
        read = messages(asked) if asked else ()
    if written is None:
        answered = parsed(raw[2])
        draft.flags |= cut(answered) | _refused(answered)
        written = choices(answered)
    if system and read and read[0].role == "system" and read[0].text == system[0].text:
        system = ()  # OpenLIT writes the instructions in both places
    draft.fill(input=(*system, *read), output=written)
    if not _REFERENCES.isdisjoint(held):  # uploaded elsewhere; an address in a trace is never fetched
        draft.flags |= {"media_external"}
    if events:
        _from_events([event for event in events if event.name in ROLES or event.name == CHOICE], draft)
    _from_legacy(held, events, draft)
    reasons = listing(held.get("gen_ai.response.finish_reasons") or held.get("gen_ai.response.finish_reason"))
    if len(draft.output) > len(reasons) == 1 and not any(said.finish_reason for said in draft.output):
        draft.output = joined(draft.output)  # the items of one answer of the Responses API, a message each
    draft.output = reasoned(draft.output, reasons)


def _other_names(held: Attributes, draft: Draft) -> None:
    """What was said under names beside the conventions: Sentry's, and the bare `input`, `system` and `output` of Pipecat."""
    if not draft.input and (asked := held.get("gen_ai.request.messages") or held.get("input")):
        read = messages(asked if isinstance(asked, str) and opened(asked) is None else parsed(asked))
        lead = held.get("system") if read and read[0].role != "system" else None
        draft.flags |= cut(asked)
        draft.input = (*(messages(lead, "system") if isinstance(lead, str) else ()), *read)
    if not draft.output:
        text, calls = parsed(held.get("gen_ai.response.text")), listing(held.get("gen_ai.response.tool_calls"))
        if isinstance(text, list) and all(
            isinstance(item, str) for item in text
        ):  # one text for each part of the answer
            text = "".join(text)
        if text or calls:
            said = message({"role": "assistant", "content": text, "tool_calls": calls})
            draft.output = (said,) if said else ()
        elif held.get("output"):
            draft.output = choices(held["output"])


def _refused(answered: Json) -> set[str]:
    parts = (part for said in listing(answered) for part in _parts_of(said))
    return {"refusal"} if any(mapping(part).get("type") == "refusal" for part in parts) else set()


def _parts_of(said: Json) -> list[Json]:
    return listing(mapping(said).get("parts"))


def _system(instructions: Json) -> Iterable[Message]:
    inner = message({"role": "system", "content": parsed(instructions)})
    return (inner,) if inner and inner.parts else ()


def _from_events(events: list[Event], draft: Draft) -> None:
    """Per-message events, in the order they were recorded."""
    read = [_said(event) for event in events if event.name in ROLES]
    chosen = [_chosen(event) for event in events if event.name == CHOICE]
    draft.fill(input=tuple(read), output=tuple(chosen))


def _said(event: Event) -> Message:
    body = {**event.attributes, "tool_calls": _told(event.attributes.get("tool_calls"))}
    body["content"] = _content_of(body.get("content"))
    if event.name == "gen_ai.tool.message":
        body["tool_call_id"] = body.get("id") or body.get("tool_call_id")
    role = text_of(body.get("role")) or ROLES[event.name]
    return message({**body, "role": role}) or Message(role=role)


def _chosen(event: Event) -> Message:
    body = {**event.attributes}
    inner = mapping(body.get("message")) or {"content": body.get("content") or body.get("message")}
    inner = {**inner, "tool_calls": _told(inner.get("tool_calls") or body.get("tool_calls"))}
    inner["content"] = _content_of(inner.get("content"))
    made = message({"role": "assistant", **inner}) or Message(role="assistant")
    return Message(role=made.role, parts=made.parts, finish_reason=reason(body.get("finish_reason")))


def _told(calls: Json) -> Json:
    """Tool calls, unless content capture was off: then they came without arguments, and count as not there."""
    found = [mapping(call) for call in listing(calls)]
    return [call for call in found if "arguments" in {**call, **mapping(call.get("function"))}]


def _content_of(content: Json) -> Json:
    """Content is a text, or a list of parts that may stand as JSON text."""
    found = parsed(content)
    return found if isinstance(found, list) else content


def _from_legacy(held: Attributes, events: list[Event], draft: Draft) -> None:
    prompts = [event.attributes.get("gen_ai.prompt") for event in events if event.name.startswith(_LEGACY_IN)]
    answers = [event.attributes.get("gen_ai.completion") for event in events if event.name.startswith(_LEGACY_OUT)]
    prompts = prompts or [held.get("gen_ai.prompt")]
    answers = answers or [held.get("gen_ai.completion")]
    if not draft.input:
        draft.input = tuple(found for prompt in prompts for found in _transcript(prompt))
    if not draft.output:
        draft.output = tuple(found for answer in answers for found in _answers(answer, draft))


def _answers(answer: Json, draft: Draft) -> tuple[Message, ...]:
    """The choices of an answer. A placeholder tells that tools were called, or, after their results, nothing at all."""
    if answer != PLACEHOLDER:
        return choices(answer)
    draft.flags |= {"output_missing"}
    told = draft.input and draft.input[-1].role != "tool"
    return (Message(role="assistant", parts=(OtherPart(raw=text_of([answer])),)),) if told else ()


_SPEAKERS = ("system", "user", "assistant", "tool", "developer")


def _transcript(prompt: Json) -> Iterable[Message]:
    """Messages as JSON, or as lines `role: text`; a line without a role goes on with the one before."""
    found = messages(prompt)
    if not isinstance(prompt, str) or isinstance(parsed(prompt), (list, dict)):
        return found
    said: list[tuple[str, list[str]]] = []
    for line in prompt.split("\n"):
        role, colon, rest = line.partition(": ")
        if colon and role in _SPEAKERS:
            said.append((role, [rest]))
        elif said:
            said[-1][1].append(line)
        else:
            return found
    return [made for role, lines in said if (made := message({"role": role, "content": "\n".join(lines)}))]


_USED = "gen_ai.usage."
_REQUEST = ("gen_ai.request.", "gen_ai.openai.request.")


def _facts(held: Attributes, draft: Draft) -> None:
    asked: dict[str, Json] = {}
    used: dict[str, Json] = {}
    for name, value in held.items():
        if name.startswith(_USED):
            used[name[len(_USED) :]] = value
        elif name.startswith(_REQUEST):
            asked[name.partition("request.")[2]] = value
    draft.fill(
        operation=_operation(text_of(held.get(_kinds.OPERATION))),
        provider=text_of(held.get("gen_ai.provider.name") or held.get("gen_ai.system")),
        model_requested=text_of(held.get("gen_ai.request.model")),
        model_served=text_of(held.get("gen_ai.response.model")),
        response_id=text_of(held.get("gen_ai.response.id")),
        session_id=text_of(held.get("gen_ai.conversation.id")),
        user_id=text_of(held.get("gen_ai.user") or asked.get("user")),
        ttft_s=number(held.get("gen_ai.response.time_to_first_chunk")),
        params=params({**asked, **_streaming(held)}),
        tools=tuple(map(_tool, listing(held.get("gen_ai.tool.definitions")) or _offered(held))),
        response_format=_format(held),
        usage=tokens(used),
    )


def _operation(named: str) -> str:
    """The operation in the conventions' words; the many names for a chat are one."""
    return named if named in _kinds.CALLS or not named else "chat"


def _offered(held: Attributes) -> list[Json]:
    """The tools of a request as Pydantic AI keeps them."""
    raw = held.get("model_request_parameters")
    return listing(mapping(raw).get("function_tools")) if raw else []


def _streaming(held: Attributes) -> dict[str, Any]:
    return {"stream": True} if is_true(held.get("gen_ai.is_streaming")) else {}


def _format(held: Attributes) -> Json:
    schema = mapping(held.get("gen_ai.request.structured_output_schema"))  # OpenLLMetry's
    if schema:
        return {"type": "json_schema", "json_schema": {"schema": schema}}
    kind = held.get("gen_ai.output.type") or held.get("gen_ai.openai.request.response_format")
    return {"type": kind} if kind and kind != "text" else None


_SCHEMAS = ("parameters", "inputSchema", "input_schema", "parameters_json_schema")


def _tool(raw: Json) -> Json:
    """A tool definition in the form of the OpenAI API, whatever the producer wrote."""
    found = mapping(raw)
    if "function" in found or "name" not in found:
        return found or raw
    schema: Json = next((found[key] for key in _SCHEMAS if found.get(key)), {})
    function = {"name": found["name"], "description": found.get("description") or "", "parameters": parsed(schema)}
    return {"type": "function", "function": function}
