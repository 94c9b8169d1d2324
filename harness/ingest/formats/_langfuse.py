"""Read what Langfuse holds of one generation, however it was exported: as a span or as a row."""

from harness.ingest.formats._bodies import params, request, response, tokens
from harness.ingest.formats._draft import Draft, cut
from harness.ingest.formats._envelopes import is_request, is_response
from harness.ingest.formats._json import Json, listing, mapping, number, parsed, text_of
from harness.ingest.formats._messages import choices, messages


def fill(draft: Draft, asked: Json, answered: Json, parameters: Json, usage: Json) -> None:
    """Input, output, parameters and usage of a generation."""
    draft.flags |= cut(asked, answered)
    asked = _called_with(parsed(asked), asked)
    body, tools = _apart(parsed(asked))
    draft.fill(tools=tools)
    if isinstance(body, dict) and (is_request(body) or any(key in body for key in _ASKS)):
        draft.fill(**request(body))
    else:
        draft.fill(input=messages(body if tools else asked))
    answer = parsed(answered)
    if is_response(answer):
        draft.fill(**response(answer))
    elif isinstance(answer, dict) and answer.get("type") in ("function_call", "message"):
        draft.fill(output=choices([answer]))  # the only item of a Responses answer
    else:
        draft.fill(output=choices(answered))
    draft.fill(params=sent(parameters), usage=counted(usage))


def _called_with(body: Json, asked: Json) -> Json:
    """What a decorated function was called with, where that is recorded as its arguments."""
    if not isinstance(body, dict) or not body or not body.keys() <= {"args", "kwargs"}:
        return asked
    args = body["args"] if isinstance(body.get("args"), list) else []
    return body.get("kwargs") or (args[0] if len(args) == 1 else args)


_ASKS = ("messages", "input", "instructions")


def _apart(said: Json) -> tuple[Json, tuple[Json, ...]]:
    """The messages, and the tools that the handler for LangChain appends to them as messages of the role tool."""
    if not isinstance(said, list):
        return said, ()
    tools = [item for item in said if _is_tool(item)]
    kept = [item for item in said if item not in tools] if tools else said
    return kept, tuple(item["content"] for item in tools)


def _is_tool(said: Json) -> bool:
    if not isinstance(said, dict) or said.get("role") != "tool" or said.get("tool_call_id"):
        return False
    return isinstance(said.get("content"), dict) and isinstance(said["content"].get("function"), dict)


def sent(parameters: Json) -> dict[str, Json]:
    """The parameters that were sent: the SDK also writes its own defaults, such as max_tokens "Infinity"."""
    known = params(parameters)
    if _DEFAULTS.keys() <= known.keys():  # the SDK names all of them: what stands at its default was not sent
        known = {name: value for name, value in known.items() if _DEFAULTS.get(name, ...) != value}
    return known


_DEFAULTS = {"max_tokens": "Infinity", "temperature": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0}


def counted(usage: Json) -> dict[str, int]:
    """Langfuse keeps disjoint buckets, named after their side; `input` here includes the cache, `output` the reasoning."""
    raw = mapping(usage)
    if not {"input", "output"} & raw.keys():
        return tokens(raw)
    sums = {side: sum(number(raw[name]) or 0 for name in raw if side in name) for side in ("input", "output")}
    found = {field: next((raw[name] for name in names if raw.get(name)), None) for field, names in _BUCKETS.items()}
    return tokens({**sums, **found})


_BUCKETS = {
    "cached_tokens": ("input_cached_tokens", "input_cache_read", "cache_read_input_tokens"),
    "cache_write_tokens": ("input_cache_creation", "cache_creation_input_tokens"),
    "reasoning_tokens": ("output_reasoning_tokens", "output_reasoning"),
}


def tags(raw: Json) -> tuple[str, ...]:
    return tuple(text_of(tag) for tag in listing(raw))
