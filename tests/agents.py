"""Make calls of agents for tests: each is given all that was said before it, as agents' clients do."""

import json
from typing import NamedTuple

from harness.types import Call, CallError, Message, TextPart, ToolCallPart, ToolResultPart, ToolRun

MINUTE = 60 * 10**9
START = 1_790_000_000 * 10**9


class ToolResult(NamedTuple):
    """A result that does not name its call."""

    content: str


def text(role, said):
    return Message(role=role, parts=(TextPart(text=said),))


def answer(*parts, ids=True):
    """An answer of texts and tool calls `(name, arguments)`. `ids`: those of the calls; True: the call gives them."""
    made = []
    for place, part in enumerate(parts):
        if isinstance(part, str):
            made.append(TextPart(text=part))
        else:
            name, given = part
            written = given if isinstance(given, str) else json.dumps(given)
            id = "" if ids is False else f"?-{place}" if ids is True else ids[place]
            made.append(ToolCallPart(id=id, name=name, arguments=written))
    return Message(role="assistant", parts=tuple(made))


def named(message, number):
    """The answer with the ids `NUMBER-PLACE` for its tool calls."""
    parts = (
        ToolCallPart(id=part.id.replace("?", str(number)), name=part.name, arguments=part.arguments)
        if isinstance(part, ToolCallPart)
        else part
        for part in message.parts
    )
    return Message(role="assistant", parts=tuple(parts))


def call(number, said, *, after=None, results=(), ids=None, asked="Where are they?", user="", **more):
    """A call that goes on after another one, with the results of its tools and perhaps a new message of the user."""
    made = after.output[0].tool_calls if after else ()
    before = (*after.input, *after.output) if after else (text("user", asked),)
    names = ids or [part.id for part in made]
    for place, result in enumerate(results):
        id = "" if isinstance(result, ToolResult) else names[place]
        content = result.content if isinstance(result, ToolResult) else result
        before += (Message(role="tool", parts=(ToolResultPart(id=id, content=content),)),)
    before += (text("user", user),) if user else ()
    fields = {"trace_id": after.trace_id, "session_id": after.session_id, "route": after.route} if after else {}
    fields = {"trace_id": "t", "session_id": "s", **fields, **more}
    return Call(
        id=f"{fields['trace_id']}:{number:04}",
        input=before,
        output=(named(said, number),) if said else (),
        error=None if said else CallError(type="timeout"),
        start_ns=START + number * MINUTE,
        end_ns=START + number * MINUTE + 10**9,
        **fields,
    )


def step(number, said, *, runs=(), **more):
    """A call whose tools have spans of their own: id of the tool call, its name, and the span."""
    ran = tuple(ToolRun(id=id, name=name, span_id=span) for id, name, span in runs)
    return call(number, said, tool_runs=ran, **more)


def used(run):
    return [use for made in run.steps for use in made.tools]
