"""Take apart the messages that Pydantic AI keeps: a request holds a part for each message that it sends."""

from harness.ingest.formats._json import Json, mapping, text_of

_ROLES = {"system-prompt": "system", "tool-return": "tool", "retry-prompt": "tool", "prefill": "assistant"}
"""Kinds of the parts of a request, where they are not of the user."""
_ANSWERS = frozenset(["text", "tool-call", "thinking", "builtin-tool-call", "builtin-tool-return", "file"])
"""Kinds of the parts of a response."""


def apart(item: Json) -> list[Json]:
    """The messages of one request or response; any other value as it is."""
    side = _side(item) if isinstance(item, dict) and "role" not in item else ""
    if not side:
        return [item]
    if side == "response":
        return [{**item, "role": "assistant"}]
    sent: list[Json] = [{"role": "system", "content": item["instructions"]}] if item.get("instructions") else []
    for part in map(mapping, item.get("parts") or ()):
        kind = text_of(part.get("part_kind"))
        answers = kind == "retry-prompt" and not part.get("tool_name")  # the model's text was wrong, not its call
        role = "user" if answers else _ROLES.get(kind, "user")
        sent.append({**part, "role": role, "type": None, "part_kind": None})
    return sent


def _side(item: dict[str, Json]) -> str:
    """`request`, `response`, or nothing; older releases and some loggers leave the kind out."""
    if item.get("kind") in ("request", "response"):
        return text_of(item["kind"])
    held = item.get("parts")
    kinds = [mapping(part).get("part_kind") for part in held] if isinstance(held, list) else []
    if not kinds or not all(kinds):
        return ""
    return "response" if _ANSWERS.issuperset(map(text_of, kinds)) else "request"


def run(value: dict[str, Json]) -> list[Json]:
    """What an agent was asked, as the messages of its first request: history, instructions and prompt."""
    lead = [{"role": "system", "content": text} for text in _texts(value.get("system_prompt"))]
    history = value.get("message_history")
    before = history if isinstance(history, list) else []
    return [*lead, *before, {"role": "user", "content": value["user_prompt"]}]


def _texts(raw: Json) -> list[str]:
    return [text for text in (raw if isinstance(raw, list) else [raw]) if isinstance(text, str) and text]
