"""Detect answers that are not of the form that they should have.

The form is what the request asked for (`response_format` with a JSON schema) or, without one, the forms that the good
answers of the route have (`harness.mine.forms`): a norm, which praise outweighs. A tool call whose arguments are not JSON, or
that names a tool which was not offered, breaks the form too.
"""

from collections.abc import Iterator
from typing import Any

from harness.core.replies import json_object
from harness.mine.forms import ENOUGH, slip
from harness.mine.schemas import violation
from harness.mine.window import Norms, Window
from harness.types import Call, Failure, Json

FORM = True
"""A slip in form, which an instruction may fix."""
ANSWER_ALONE = True
"""It needs nothing but the answer and its message, so it can judge a teacher's too."""


def detect(window: Window) -> Iterator[Failure]:
    for call in window.calls:
        if call.error is None and call.output:
            reason = _tool_break(call) or _schema_break(call)
            if reason:
                yield Failure(call_id=call.id, detector="schema_break", reason=reason)
            elif reason := _unusual(call, window.usual(call)):
                yield Failure(call_id=call.id, detector="schema_break", reason=reason, norm="praise")


def _schema_break(call: Call) -> str:
    schema = None if call.output[0].tool_calls else _schema(call.response_format)
    if schema is None:
        return ""
    value = json_object(call.reply)
    return "the answer is not JSON" if value is None else _violation(value, schema)


def _unusual(call: Call, usual: Norms) -> str:
    asked = call.output[0].tool_calls or _schema(call.response_format) is not None
    return "" if asked or usual.good < ENOUGH else slip(call.reply, usual.forms)


def _tool_break(call: Call) -> str:
    offered = {_name(tool) for tool in call.tools}
    for made in call.output[0].tool_calls:
        if json_object(made.arguments or "{}") is None:
            return f"the arguments of tool call {made.name} are not a JSON object"
        if offered and made.name not in offered:
            return f"the tool {made.name} was not offered"
    return ""


def _name(tool: Json) -> str:
    inner = tool.get("function", tool) if isinstance(tool, dict) else {}
    return str(inner.get("name", ""))


def _schema(form: Json) -> dict[str, Any] | None:
    """The JSON schema of an OpenAI `response_format`; `json_object` asks for any object."""
    if not isinstance(form, dict):
        return None
    if form.get("type") == "json_object":
        return {"type": "object"}
    outer = form.get("json_schema", form.get("schema"))
    schema = outer.get("schema", outer) if isinstance(outer, dict) else None
    return schema if isinstance(schema, dict) else None


def _violation(value: Any, schema: dict[str, Any]) -> str:
    first = violation(value, schema)
    return f"the answer breaks its schema: {first[:120]}" if first else ""
