"""What the request and response bodies of model APIs say, as fields of a `Draft`: messages, parameters, tokens."""

from harness.formats._json import Json, listing, mapping, parsed, text_of, whole
from harness.formats._messages import choices, messages

PARAMS = {
    "stop_sequences": "stop",
    "choice.count": "n",
    "is_stream": "stream",
    "is_streaming": "stream",
    "streaming": "stream",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "maxOutputTokens": "max_tokens",
    "maxTokens": "max_tokens",
    "topP": "top_p",
    "topK": "top_k",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
    "stopSequences": "stop",
}
"""Names that producers use -> the name of the OpenAI API."""

KNOWN_PARAMS = frozenset(
    [
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "seed",
        "stop",
        "n",
        "stream",
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "parallel_tool_calls",
        "tool_choice",
        "reasoning_effort",
        "verbosity",
        "service_tier",
        "user",
    ]
)

USAGE = {
    "input": ("input_tokens", "prompt_tokens", "inputTokens", "promptTokens", "input"),
    "output": ("output_tokens", "completion_tokens", "outputTokens", "completionTokens", "output"),
    "cache_read": ("cache_read.input_tokens", "cache_read_input_tokens", "cachedInputTokens", "cached_tokens"),
    "cache_write": (
        "cache_creation.input_tokens",
        "cache_write.input_tokens",
        "cache_creation_input_tokens",
        "cache_write_tokens",
    ),
    "reasoning": (
        "reasoning.output_tokens",
        "details.reasoning_tokens",
        "reasoning_tokens",
        "reasoningTokens",
    ),
}
"""Field of `Usage` -> the names it goes by, preferred first. Input includes the cache, output includes reasoning."""


def tokens(raw: Json) -> dict[str, int]:
    """Token counts by the names of `Usage`, from any provider's usage object."""
    flat = mapping(raw)
    for key, prefix in (("prompt_tokens_details", ""), ("input_tokens_details", ""), ("input_token_details", "")):
        flat = {**{prefix + name: count for name, count in mapping(flat.get(key)).items()}, **flat}
    for key in ("completion_tokens_details", "output_tokens_details", "output_token_details"):
        flat = {**mapping(flat.get(key)), **flat}
    if "cache_read" in flat:
        flat.setdefault("cached_tokens", flat["cache_read"])
    found = {field: _first_count(flat, names) for field, names in USAGE.items()}
    return {field: count for field, count in found.items() if count is not None}


def _first_count(flat: dict[str, Json], names: tuple[str, ...]) -> int | None:
    return next((count for name in names if (count := whole(flat.get(name))) is not None), None)


def params(raw: Json) -> dict[str, Json]:
    """The sampling parameters of a request, by the OpenAI API's names; all else is left out."""
    named = {PARAMS.get(name, name): parsed(value) for name, value in mapping(raw).items()}
    return {name: value for name, value in named.items() if name in KNOWN_PARAMS and value is not None}


def request(raw: Json) -> dict[str, Json]:
    """What a request body of a chat, completion or Responses API says, as fields of `Draft`."""
    body = mapping(raw)
    return {
        "input": messages(body) if body else (),
        "tools": tuple(listing(body.get("tools"))),
        "params": params(body),
        "model_requested": text_of(body.get("model")),
        "response_format": body.get("response_format") or mapping(body.get("text")).get("format"),
    }


def response(raw: Json) -> dict[str, Json]:
    """What a response body says, as fields of `Draft`."""
    body = mapping(raw)
    return {
        "output": choices(raw),
        "response_id": text_of(body.get("id")),
        "model_served": text_of(body.get("model")),
        "usage": tokens(body.get("usage")),
    }
