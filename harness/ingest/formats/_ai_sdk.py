"""Read what the Vercel AI SDK gives back as one value: `steps`, a `content` list, `response.messages`, an `object`."""

from typing import Any

from harness.ingest.formats._json import Json, mapping, text_of

_ENDED = ("finishReason", "warnings", "providerMetadata", "providerOptions", "totalUsage")
"""Names that only results of the SDK have beside their content."""
_CONTENT = "content"


def turns(value: dict[str, Json]) -> list[Json]:
    """The messages of a result, all of them new: one for each step, and one for what its tools gave back. Empty where the
    value is no such result, or says no more than its `text`."""
    if "role" in value or "choices" in value:
        return []
    sent = mapping(value.get("response")).get("messages")
    if isinstance(sent, list) and sent and all(isinstance(item, dict) and "role" in item for item in sent):
        return sent
    if isinstance(value.get("steps"), list):
        return [said for step in map(mapping, value["steps"]) for said in _step(step)]
    if isinstance(value.get(_CONTENT), list) and not _marks(value):
        return _step(value)
    if isinstance(value.get("object"), (dict, list)) and not _marks(value):
        return [{"role": "assistant", "content": text_of(value["object"])}]
    return []


def why(value: dict[str, Json]) -> Json:
    """Why a result ended: what it says itself, or its last step."""
    steps = value.get("steps")
    last = mapping(steps[-1]) if isinstance(steps, list) and steps else {}
    return value.get("finishReason") or last.get("finishReason")


def _marks(value: dict[str, Json]) -> bool:
    """Whether nothing beside the content shows a result of the SDK."""
    return all(name not in value for name in _ENDED)


def _step(step: dict[str, Json]) -> list[Json]:
    """What one step said and called, and what its tools gave back."""
    held: Any = step.get(_CONTENT)
    if isinstance(held, list) and held:
        given = [part for part in held if mapping(part).get("type") in ("tool-result", "tool-error")]
        spoken: dict[str, Json] = {"role": "assistant", "content": [part for part in held if part not in given]}
    else:
        given = [{**mapping(result), "type": "tool-result"} for result in step.get("toolResults") or ()]
        spoken = {"role": "assistant", "content": step.get("text"), "tool_calls": step.get("toolCalls")}
        spoken["reasoning"] = step.get("reasoning")
    answer: Json = {**spoken, "finish_reason": step.get("finishReason")}
    return [answer, {"role": "tool", "content": given}] if given else [answer]
