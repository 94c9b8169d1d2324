"""What Langfuse holds of one generation, however it was exported: as a span or as a row."""

from harness.formats._bodies import params, request, response, tokens
from harness.formats._draft import Draft, cut
from harness.formats._json import Json, listing, mapping, number, parsed, text_of
from harness.formats._messages import choices, messages

DISJOINT = {
    "input": ("input", "input_cached_tokens", "input_cache_read", "input_cache_creation", "cache_read_input_tokens"),
    "output": ("output", "output_reasoning_tokens"),
}
"""Langfuse keeps disjoint buckets; trueup's `input` includes the cache, `output` the reasoning."""


def fill(draft: Draft, asked: Json, answered: Json, parameters: Json, usage: Json) -> None:
    """Input, output, parameters and usage of a generation."""
    draft.flags |= cut(asked, answered)
    body = parsed(asked)
    if isinstance(body, dict) and any(key in body for key in ("messages", "input", "instructions")):
        draft.fill(**request(body))
    else:
        draft.fill(input=messages(asked))
    answer = parsed(answered)
    if isinstance(answer, dict) and ("choices" in answer or answer.get("object")):
        draft.fill(**response(answer))
    elif isinstance(answer, dict) and answer.get("type") in ("function_call", "message"):
        draft.fill(output=choices([answer]))  # the only item of a Responses answer
    else:
        draft.fill(output=choices(answered))
    draft.fill(params=sent(parameters), usage=counted(usage))


def sent(parameters: Json) -> dict[str, Json]:
    """The parameters that were sent: the SDK also writes its own defaults, such as max_tokens "Infinity"."""
    known = params(parameters)
    if known.get("max_tokens") == "Infinity":  # a request without a limit: what else it says at default was not sent
        defaults = {"max_tokens": "Infinity", "temperature": 1, "top_p": 1, "frequency_penalty": 0}
        defaults |= {"presence_penalty": 0}
        known = {name: value for name, value in known.items() if defaults.get(name, ...) != value}
    return known


def counted(usage: Json) -> dict[str, int]:
    raw = mapping(usage)
    if not {"input", "output"} & raw.keys():
        return tokens(raw)
    sums = {field: sum(number(raw.get(name)) or 0 for name in names) for field, names in DISJOINT.items()}
    cached = raw.get("input_cached_tokens") or raw.get("input_cache_read")
    return tokens({**sums, "cached_tokens": cached, "reasoning_tokens": raw.get("output_reasoning_tokens")})


def tags(raw: Json) -> tuple[str, ...]:
    return tuple(text_of(tag) for tag in listing(raw))
