"""Unfold attributes with numbered names, such as `llm.input_messages.0.message.role`, into lists and maps."""

from harness.ingest.formats._json import Json
from harness.ingest.formats._otlp import Attributes

WIDEST = 10_000
"""Entries of one list; more is an attack."""


def nested(attributes: Attributes, prefix: str) -> Json:
    """What all attributes under `prefix.` spell; None when there are none, the value itself when it is not spelled out.

    >>> nested({"p.0.role": "user", "p.0.content": "Hi", "p.1.role": "assistant"}, "p")
    [{'role': 'user', 'content': 'Hi'}, {'role': 'assistant'}]
    """
    if prefix in attributes:
        return attributes[prefix]
    root: dict[str, Json] = {}
    for name, value in attributes.items():
        if name.startswith(prefix) and name[len(prefix) : len(prefix) + 1] == ".":
            _put(root, name[len(prefix) + 1 :].split("."), value)
    return _listed(root) if root else None


def _put(root: dict[str, Json], path: list[str], value: Json) -> None:
    for step in path[:-1]:
        inner = root.get(step)
        if not isinstance(inner, dict):
            inner = root[step] = {}
        root = inner
    root[path[-1]] = value


def _listed(value: Json) -> Json:
    """Maps whose keys are all numbers become lists, in the order of the numbers."""
    if not isinstance(value, dict):
        return value
    if value and all(key.isascii() and key.isdigit() for key in value):
        return [_listed(value[key]) for key in sorted(value, key=int)[:WIDEST]]
    return {key: _listed(inner) for key, inner in value.items()}
