"""Read what a target says as named fields: keys of a JSON object, arguments of a tool call, or the whole text."""

from collections.abc import Mapping
from typing import Any

from harness.core.codec import canonical
from harness.curate.rows import CallRow

TEXT, TOOL = "the answer", "the tool"
"""Field names of what has no key of its own."""


def fields(row: CallRow) -> dict[str, str]:
    """Field to its value as text; a key without a value (null, or empty) is left out, as sparse answers do."""
    expected = row.target.expected
    calls = expected.get("tool_calls") if isinstance(expected, dict) else None
    if isinstance(calls, list) and row.target.message.tool_calls:
        return {TOOL: ", ".join(call["name"] for call in calls), **_filled(calls[0]["arguments"] or {})}
    return _filled(expected) if isinstance(expected, dict) else {TEXT: str(expected)}


def is_keyed(row: CallRow) -> bool:
    """Whether the target has keys, so that one may be missing."""
    return TEXT not in fields(row)


def _filled(given: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else canonical(value)
        for key, value in given.items()
        if value not in (None, "", [], {})
    }
