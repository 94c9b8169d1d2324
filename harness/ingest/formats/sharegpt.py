"""Parse conversations as ShareGPT and the files made after it hold them: `{"conversations": [{"from": "human", "value": ...}]}`.

The last answer is the output.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.core.codec import digest
from harness.ingest.formats import openai_chat
from harness.ingest.formats._json import Json, mapping, parsed, text_of
from harness.types import Call, Source

RANK = 98

_ROLES = {"human": "user", "gpt": "assistant", "bing": "assistant", "bard": "assistant", "observation": "tool"}
_LISTS = ("conversations", "conversation", "items")


def claims(record: dict[str, Json]) -> bool:
    said = _said(record)
    return bool(said) and all(isinstance(turn, dict) and {"from", "value"} <= turn.keys() for turn in said)


def _said(record: dict[str, Json]) -> list[Json]:
    return next((record[name] for name in _LISTS if isinstance(record.get(name), list)), [])


def pieces(record: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    yield text_of(record.get("id")) or digest(record), record


def join(found: list[tuple[Json, Source]], options: Mapping[str, Any]) -> Iterator[Call | tuple[str, int]]:
    return openai_chat.join([(_as_chat(record), source) for record, source in found], options)


def _as_chat(record: dict[str, Json]) -> dict[str, Json]:
    lead = [{"role": "system", "content": record["system"]}] if record.get("system") else []
    kept = {name: value for name, value in record.items() if name not in _LISTS}
    tools = parsed(record.get("tools"))
    return {**kept, "tools": tools, "messages": [*lead, *(_turn(mapping(turn)) for turn in _said(record))]}


def _turn(turn: dict[str, Json]) -> dict[str, Json]:
    speaker, text = text_of(turn["from"]), turn["value"]
    if speaker == "function_call":
        call = mapping(text)
        return {"role": "assistant", "tool_calls": [{"function": {**call, "name": call.get("name")}}]}
    return {"role": _ROLES.get(speaker, speaker), "content": text}
