"""Put a streamed answer together from its chunks: those of OpenAI's chat API, and the events of Anthropic's."""

from collections.abc import Iterable

from harness.ingest.formats._json import Json, listing, mapping, text_of

_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


def put_together(chunks: Iterable[Json]) -> dict[str, Json]:
    """The response that a stream spells; empty when it holds nothing of one."""
    found = [mapping(chunk) for chunk in chunks]
    return _of_anthropic(found) if any("type" in chunk for chunk in found) else _of_openai(found)


def _of_openai(chunks: list[dict[str, Json]]) -> dict[str, Json]:
    body: dict[str, Json] = {}
    choices: dict[int, dict[str, Json]] = {}
    for chunk in chunks:
        body |= {name: chunk[name] for name in ("id", "model", "usage") if chunk.get(name)}
        for choice in map(mapping, listing(chunk.get("choices"))):
            delta, said = mapping(choice.get("delta")), choices.setdefault(int(choice.get("index") or 0), {})
            for name in ("content", "reasoning_content", "refusal"):
                if delta.get(name):
                    said[name] = text_of(said.get(name)) + text_of(delta[name])
            said["why"] = choice.get("finish_reason") or said.get("why")
            for call in map(mapping, listing(delta.get("tool_calls"))):
                _add(call, said.setdefault("calls", {}).setdefault(int(call.get("index") or 0), {}))
    if not any(said.keys() - {"why"} for said in choices.values()):
        return {}
    return {**body, "choices": [_choice(said) for _, said in sorted(choices.items())]}


def _choice(said: dict[str, Json]) -> dict[str, Json]:
    why, calls = said.pop("why", None), said.pop("calls", {})
    message = {"role": "assistant", "content": "", **said, "tool_calls": list(calls.values())}
    return {"message": message, "finish_reason": why}


def _add(piece: dict[str, Json], call: dict[str, Json]) -> None:
    """A piece of a tool call to what is known of it."""
    function = mapping(piece.get("function"))
    call["id"] = call.get("id") or piece.get("id")
    call["name"] = call.get("name") or function.get("name")
    call["arguments"] = text_of(call.get("arguments")) + text_of(function.get("arguments"))


def _of_anthropic(events: list[dict[str, Json]]) -> dict[str, Json]:
    body: dict[str, Json] = {}
    blocks: dict[int, dict[str, Json]] = {}
    for event in events:
        delta, place = mapping(event.get("delta")), int(event.get("index") or 0)
        body |= mapping(event.get("message"))
        body |= {name: delta[name] for name in ("stop_reason", "stop_sequence") if delta.get(name)}
        if event.get("usage"):
            body["usage"] = {**mapping(body.get("usage")), **mapping(event["usage"])}
        if event.get("content_block"):
            blocks[place] = {**mapping(event["content_block"])}
        block = blocks.setdefault(place, {"type": "text", "text": ""}) if delta.get("type") else {}
        if (name := _DELTAS.get(text_of(delta.get("type")))) is not None:
            block[name] = text_of(block.get(name)) + text_of(delta.get(name))
        elif delta.get("type") == "input_json_delta":
            written = block["input"] if isinstance(block.get("input"), str) else ""
            block["input"] = written + text_of(delta.get("partial_json"))
    return {**body, "content": [block for _, block in sorted(blocks.items())]} if blocks else {}
