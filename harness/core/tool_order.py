"""Put the keys of a tool's definition in one order, since a template writes them as they come.

What is stored has its keys sorted, and an eval file has them as its author wrote them: the same tools would be other tokens in
training than in serving. The order is that of the OpenAI API, which servers such as vLLM write too; the rest is by name.
"""

from collections.abc import Iterable

from harness.types import Json

FIRST = ("type", "function", "name", "description", "parameters", "properties", "required")
_RANK = {name: place for place, name in enumerate(FIRST)}


def in_order(tools: Iterable[Json]) -> list[Json]:
    """The same definitions, each with its keys in the one order."""
    return [_ordered(tool) for tool in tools]


def _ordered(value: Json) -> Json:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: (_RANK.get(name, len(FIRST)), name))
        return {name: _ordered(value[name]) for name in names}
    return [_ordered(item) for item in value] if isinstance(value, list) else value
