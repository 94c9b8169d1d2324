"""Give the results of tools their role, where a framework writes the name of the called tool in its place."""

from collections.abc import Iterator

from harness.ingest.formats import _roles
from harness.ingest.formats._json import Json, mapping, parsed
from harness.ingest.formats._parts import tool_call


def results_named(said: list[Json]) -> Iterator[Json]:
    """The messages of a conversation; one whose role is the name of a tool that was called before is its result.

    >>> call = {"role": "assistant", "tool_calls": [{"id": "c", "name": "clock", "args": {}}]}
    >>> [item["role"] for item in results_named([call, {"role": "clock", "content": "noon"}])]
    ['assistant', 'tool']
    """
    called: dict[str, Json] = {}
    for item in said:
        if isinstance(item, dict) and isinstance(item.get("role"), str) and item["role"] in called:
            id = called[item["role"]]
            item = {"tool_call_id": id, **item, "role": "tool", "name": item["role"]}
        calls = parsed(item.get("tool_calls")) if isinstance(item, dict) and item.get("tool_calls") else None
        for call in map(mapping, calls if isinstance(calls, list) else ()):
            made = tool_call(call)
            if not _roles.known(made.name):
                called[made.name] = made.id
        yield item
