"""Suggest a column mapping for rows that no format claims and that look like questions with their answers."""

from typing import Any

_LIKELY = {
    "input": ("input", "prompt", "question", "query", "instruction", "request", "user_message", "inputs", "problem"),
    "output": (
        "output",
        "answer",
        "response",
        "completion",
        "reply",
        "generation",
        "prediction",
        "outputs",
        "solution",
    ),
    "system": ("system", "system_prompt", "system_message"),
    "session_id": ("session_id", "conversation_id", "chat_id", "thread_id"),
    "correction": ("correction", "corrected", "corrected_output", "edited"),
}


def suggestion(record: Any) -> str:
    """What to type so that the row is read as a table; empty when it has no input and output.

    >>> suggestion({"question": "Where?", "answer": "Here"})
    '--format table, with columns = { input = "question", output = "answer" } under [ingest.options] in trueup.toml'
    """
    if not isinstance(record, dict):
        return ""
    plain = {name.strip().lower().replace(" ", "_"): name for name in record if isinstance(name, str)}
    found = {role: plain[name] for role, names in _LIKELY.items() for name in names[::-1] if name in plain}
    if not {"input", "output"} <= found.keys():
        return ""
    named = ", ".join(f'{role} = "{name}"' for role, name in found.items() if role != name)
    return "--format table" + (f", with columns = {{ {named} }} under [ingest.options] in trueup.toml" if named else "")
