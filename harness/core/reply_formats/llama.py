"""Read replies of Llama 3 and 4: a bare JSON object with `parameters`, or calls in Python's form.

Nothing marks such a call off from an answer that is JSON. So it is read as one only when the request offered tools and
the name is that of one of them; behind `<|python_tag|>` it is always one.
"""

import re
from collections.abc import Sequence

from harness.core.reply_formats._sections import ReadReply, json_calls, plain, python_calls, tool_names
from harness.types import Json, ToolCallPart

TAG = "<|python_tag|>"
BUILT_IN = re.compile(r"^([\w.]+)\.call\((.*)\)$", re.DOTALL)


def writes(template: str) -> bool:
    return "<|start_header_id|>" in template or "<|header_start|>" in template or TAG in template


def read(raw: str, tools: Sequence[Json]) -> ReadReply:
    before, tag, after = raw.partition(TAG)
    known = tool_names(tools)
    calls = _calls(after if tag else raw)
    if calls and (tag or all(call.name in known for call in calls)):
        return ReadReply(before.strip() if tag else "", tool_calls=calls)
    return plain(raw)


def _calls(body: str) -> tuple[ToolCallPart, ...]:
    body = body.strip()
    try:
        if body.startswith("{"):
            return tuple(json_calls(body))
        built_in = BUILT_IN.match(body)
        return tuple(python_calls(f"{built_in[1]}({built_in[2]})" if built_in else body))
    except (ValueError, SyntaxError, RecursionError):
        return ()
