"""Read who speaks, in any producer's word for it, as a role of the OpenAI API."""

from harness.ingest.formats._json import Json

_SAME = {
    "system": ("system", "system_prompt", "systemmessage", "systemmessagechunk"),
    "developer": ("developer",),
    "user": ("user", "human", "humanmessage", "humanmessagechunk", "usermessage", "user_prompt", "tool-response"),
    "assistant": (
        "assistant",
        "ai",
        "aimessage",
        "aimessagechunk",
        "assistantmessage",
        "model",
        "chatbot",
        "tool-call",
    ),
    "tool": ("tool", "toolmessage", "functionmessage", "function", "tool_return", "toolmessagechunk"),
}
_ROLES = {name: role for role, names in _SAME.items() for name in names}


def known(raw: Json) -> str:
    """The role that `raw` names, whatever its case and enumeration (`MessageRole.USER`, `AIMessage`); else empty."""
    if not isinstance(raw, str):
        return ""
    return raw if raw in _SAME else _ROLES.get(raw.rpartition(".")[2].lower(), "")


def speaker(raw: Json, otherwise: str) -> str:
    """The role of `raw`; one that nobody knows stays as it came; `otherwise` where there is none."""
    if not isinstance(raw, str) or raw in ("", "unknown"):
        return otherwise
    return known(raw) or raw
