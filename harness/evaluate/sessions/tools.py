"""Give a session its tools: `from trueup import tools`.

A tool is a plain Python function; `model.session(tools=[desk.find_order])` takes it as it is. What is here gives others:

| call | gives |
|---|---|
| `tools.methods(desk)` | every public method of an object |
| `tools.recorded(case)` | the tools of a recorded run, answering from the recording |
| `tools.mcp([...])` | the tools of an MCP server, started here or on loopback |
| `tools.simulated(by=NAME)` | a model that answers calls without a recording, for `recorded(..., unseen=...)` |

A tool raises `tools.Refused("no such order")`, ValueError or LookupError to tell the model that it cannot do what was
asked. Any other exception, and a tool that does not come back, is an error of the case.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from harness.errors import UsageError
from harness.evaluate.sessions.recorded import recorded
from harness.evaluate.sessions.simulator import simulated
from harness.evaluate.sessions.tool import Tool, ToolRefused, of_function

__all__ = ["Refused", "Tool", "function", "mcp", "methods", "recorded", "simulated"]

Refused = ToolRefused
function = of_function


def methods(*objects: Any, only: Sequence[str] = (), but: Sequence[str] = ()) -> list[Tool]:
    """The public methods of objects as tools, in the order in which their classes define them.

    `only` names the ones to take, `but` those to leave out. Raises UsageError when there is none, and for a name that is
    no method.
    """
    found = {name: method for one in objects for name, method in _methods(one)}
    unknown = [name for name in (*only, *but) if name not in found]
    if unknown:
        raise UsageError(f"there is no method {unknown[0]!r}", next=f"one of {', '.join(found) or 'none'}")
    taken = [method for name, method in found.items() if (not only or name in only) and name not in but]
    if not taken:
        raise UsageError("the object has no public method that could be a tool")
    return [of_function(method) for method in taken]


def mcp(
    server: str | Sequence[str], *, env: Mapping[str, str] | None = None, only: Sequence[str] = ()
) -> AbstractContextManager[list[Tool]]:
    """The tools of an MCP server, for a fixture: `with tools.mcp([sys.executable, "server.py"]) as desk: yield desk`.

    `server` is a command, which is started with `env` and ended afterwards, or the address of a server on loopback. A
    server that keeps state wants a fixture of function scope, so that each case has one of its own. `only` names the tools
    to take. Raises UsageError without the package `mcp`, and on an address elsewhere; entering it raises InvalidError
    when the server does not start.
    """
    try:
        from harness.evaluate.sessions.mcp_server import McpServer  # it brings the package mcp with it
    except ModuleNotFoundError as error:
        raise UsageError("tools.mcp() needs the package mcp", next="pip install 'trueup[mcp]'") from error
    return McpServer(server, env or {}, only)


def _methods(one: Any) -> Iterator[tuple[str, Any]]:
    for kind in reversed(type(one).__mro__[:-1]):
        for name, value in vars(kind).items():
            if not name.startswith("_") and inspect.isroutine(value):
                yield name, getattr(one, name)
