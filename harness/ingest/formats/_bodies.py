"""Parse request and response bodies of model APIs into fields of a `Draft`: messages, parameters, tokens."""

from harness.ingest.formats._json import Json, is_true, listing, mapping, number, parsed, text_of, whole
from harness.ingest.formats._messages import choices, messages, response_metadata

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
    "input": (
        "input_tokens",
        "prompt_tokens",
        "inputTokens",
        "promptTokens",
        "input",
        "promptTokenCount",
        "prompt_token_count",
    ),
    "output": (
        "output_tokens",
        "completion_tokens",
        "outputTokens",
        "completionTokens",
        "output",
        "candidatesTokenCount",
        "candidates_token_count",
    ),
    "cache_read": (
        "cache_read.input_tokens",
        "cache_read_input_tokens",
        "cachedInputTokens",
        "cachedPromptTokens",
        "cacheReadInputTokens",
        "cachedContentTokenCount",
        "cached_content_token_count",
        "cached_tokens",
        "cache_read",
    ),
    "cache_write": (
        "cache_creation.input_tokens",
        "cache_write.input_tokens",
        "cache_creation_input_tokens",
        "cache_write_tokens",
        "cacheCreationInputTokens",
    ),
    "reasoning": (
        "reasoning.output_tokens",
        "details.reasoning_tokens",
        "reasoning_tokens",
        "reasoningTokens",
        "thoughtsTokenCount",
        "thoughtsTokens",
        "thoughts_token_count",
    ),
}
"""Field of `Usage` -> the names it goes by, preferred first. Input includes the cache, output includes reasoning."""
_FIELDS = {name: field for field, names in USAGE.items() for name in names}
_ORDER = {name: place for place, name in enumerate(_FIELDS)}
_DETAILS = tuple(
    f"{side}_{unit}_details" for side in ("prompt", "input", "completion", "output") for unit in ("tokens", "token")
)


_TOTAL = frozenset(["total_tokens", "totalTokens", "totalTokenCount", "total_token_count", "total"])


def tokens(raw: Json) -> dict[str, int]:
    """Token counts by the names of `Usage`, from any provider's usage object, and their `total` where it is named."""
    flat = mapping(raw)
    for key in _DETAILS:
        if key in flat:
            flat = {**mapping(flat[key]), **flat}
    found: dict[str, int] = {}
    for name in _TOTAL & flat.keys():
        if (total := whole(flat[name])) is not None:
            found["total"] = total
    for name in sorted(flat.keys() & _FIELDS.keys(), key=_ORDER.__getitem__):
        count = whole(flat[name])
        if count is not None:
            found.setdefault(_FIELDS[name], count)
    return found


def params(raw: Json) -> dict[str, Json]:
    """The sampling parameters of a request, by the OpenAI API's names; all else is left out."""
    named = ((PARAMS.get(name, name), value) for name, value in mapping(raw).items() if value is not None)
    return {name: _read(name, value) for name, value in named if name in KNOWN_PARAMS}


def _read(name: str, value: Json) -> Json:
    """A parameter; booleans and numbers may come as text."""
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return is_true(value)
    if isinstance(value, str) and name in _NUMBERS and (count := number(value)) is not None:
        return int(count) if count.is_integer() and "." not in value else count
    return parsed(value)


_NUMBERS = frozenset(
    [
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "seed",
        "n",
        "frequency_penalty",
        "presence_penalty",
        "top_logprobs",
    ]
)


def tools(raw: Json) -> tuple[Json, ...]:
    """Tool definitions: a list, a map from name to definition, or the declarations of Gemini. Empty ones are left out."""
    held = parsed(raw)
    if isinstance(held, dict) and not {"name", "function", "type", *_DECLARED} & held.keys():
        held = [{"name": name, **mapping(defined)} for name, defined in held.items()]
    found: list[Json] = []
    for tool in listing(held):
        inner = next((mapping(tool)[key] for key in _DECLARED if mapping(tool).get(key)), None)
        declared = ({"type": "function", "function": item} for item in listing(inner))
        found += [tool] if inner is None else declared
    return tuple(tool for tool in found if tool not in (None, "", {}))


_DECLARED = ("function_declarations", "functionDeclarations")


def request(raw: Json) -> dict[str, Json]:
    """What a request body of a chat, completion, Responses or Gemini API says, as fields of `Draft`."""
    body = mapping(raw)
    settings = next((mapping(body[key]) for key in _SETTINGS if isinstance(body.get(key), dict)), {})
    return {
        "input": messages(body) if body else (),
        "tools": tools(body.get("tools")) or tools(settings.get("tools")),
        "params": {**params(settings), **params(body)},
        "model_requested": text_of(body.get("model") or body.get("modelId")),
        "response_format": body.get("response_format") or mapping(body.get("text")).get("format"),
    }


_SETTINGS = ("config", "generationConfig", "generation_config")
"""Where Gemini keeps parameters, and in Python also tools and the system instruction."""

NO_ID = "__fake_id__"
"""What the OpenAI Agents SDK writes where a chat completion has no id of a response."""


def response(raw: Json) -> dict[str, Json]:
    """What a response body, or a LangChain result, says, as fields of `Draft`."""
    body = mapping(raw)
    told = {**mapping(body.get("llm_output")), **response_metadata(body)} if "generations" in body else body
    return {
        "output": choices(raw),
        "response_id": text_of(_first(told, "id", "responseId", "response_id")).removeprefix(NO_ID),
        "model_served": text_of(_first(told, "model_name", "model", "modelVersion", "model_version")),
        "usage": _whole_input(body, tokens(_first(told, "usage", "token_usage", "usageMetadata", "usage_metadata"))),
    }


def _first(body: dict[str, Json], *names: str) -> Json:
    return next((body[name] for name in names if body.get(name)), None)


def _whole_input(body: dict[str, Json], used: dict[str, int]) -> dict[str, int]:
    """Anthropic counts what went through the cache beside `input_tokens`, and Gemini thoughts beside the answer."""
    if {"usageMetadata", "usage_metadata"} & body.keys() and {"candidates", "content"} & body.keys():
        return {**used, "output": used.get("output", 0) + used.get("reasoning", 0)}
    if body.get("type") != "message" or "input" not in used:
        return used
    return {**used, "input": used["input"] + used.get("cache_read", 0) + used.get("cache_write", 0)}
