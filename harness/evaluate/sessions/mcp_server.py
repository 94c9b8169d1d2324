"""Offer the tools of an MCP server to a session: a program that is started here, or a server on loopback.

The client of the package `mcp` runs an event loop on a thread of its own. While a call is under way, the other cases go
as far as they can.
"""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from mcp import Client, MCPError, StdioServerParameters

from harness.core.admission import is_loopback
from harness.errors import InvalidError, UsageError
from harness.evaluate.batching import pause
from harness.evaluate.sessions.clock import paused
from harness.evaluate.sessions.tool import Tool, ToolRefused
from harness.types import Json

INVALID_PARAMS = -32602
"""JSON-RPC: the server did not take the arguments."""
START_SECONDS = 60.0
STOP_SECONDS = 10.0


class McpServer:
    """One connection. `with McpServer([...]) as tools` gives the server's tools, and ends the program afterwards.

    Raises UsageError on an address that is not loopback, InvalidError when the server does not start.
    """

    def __init__(self, server: str | Sequence[str], env: Mapping[str, str], only: Sequence[str]) -> None:
        self._server, self._env, self._only = server, dict(env), tuple(only)
        self._where = server if isinstance(server, str) else " ".join(server)
        if isinstance(server, str):
            _refuse_elsewhere(server)
        self._loop = asyncio.new_event_loop()
        self._started: Future[Sequence[Any]] = Future()
        self._stop = asyncio.Event()
        self._client: Any = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="trueup-mcp")

    def __enter__(self) -> list[Tool]:
        self._thread.start()
        try:
            offered = {tool.name: tool for tool in self._started.result(START_SECONDS)}
            unknown = [name for name in self._only if name not in offered]
            if unknown:
                there = ", ".join(offered)
                raise UsageError(
                    f"the MCP server has no tool {unknown[0]!r}", where=self._where, next=f"one of {there}"
                )
        except BaseException as error:
            self.close()
            if isinstance(error, UsageError) or not isinstance(error, Exception):
                raise
            raise InvalidError(f"the MCP server did not start: {_first(error)}", where=self._where) from error
        return [self._tool(tool) for name, tool in offered.items() if not self._only or name in self._only]

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the connection, and the program that was started."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._connected())
        except BaseException as error:  # raised where the server is entered, or at the next call
            if not self._started.done():
                self._started.set_exception(error)
        finally:
            self._client = None
            self._loop.close()

    async def _connected(self) -> None:
        target: Any = self._server
        if not isinstance(target, str):
            command, *args = target
            target = StdioServerParameters(command=command, args=args, env=self._env)
        async with Client(target) as client:
            listed, cursor = [], None
            while True:
                page = await client.list_tools(cursor=cursor)
                listed += page.tools
                cursor = page.next_cursor
                if cursor is None:
                    break
            self._client = client
            self._started.set_result(listed)
            await self._stop.wait()

    def _tool(self, offered: Any) -> Tool:
        about = {"name": offered.name, "description": offered.description or "", "parameters": offered.input_schema}
        return Tool(
            offered.name,
            {"type": "function", "function": about},
            lambda arguments: self._call(offered.name, arguments),
        )

    def _call(self, name: str, arguments: dict[str, Any]) -> Json:
        """Raises ToolRefused with what the server says is wrong, InvalidError when it is gone."""
        if self._client is None:
            raise InvalidError("the MCP server has ended", where=self._where)
        under_way = asyncio.run_coroutine_threadsafe(self._client.call_tool(name, arguments), self._loop)
        with paused():
            pause()
        try:
            result = under_way.result()
        except MCPError as error:
            if error.code == INVALID_PARAMS:
                raise ToolRefused(str(error)) from error
            raise InvalidError(f"the MCP server failed at {name!r}: {error}", where=self._where) from error
        except BaseException:
            under_way.cancel()
            raise
        text = "\n".join(map(_text, result.content))
        if result.is_error:
            raise ToolRefused(text or "the tool failed")
        return text if result.content else result.structured_content


def _refuse_elsewhere(address: str) -> None:
    """Only this machine: an evaluation sends cases nowhere else."""
    host = urlsplit(address).hostname or ""
    if not is_loopback(host):
        raise UsageError(
            f"the MCP server {address!r} is not on loopback",
            next="run it on this machine: http://127.0.0.1:PORT/mcp, or give its command",
        )


def _text(block: Any) -> str:
    """A part of a result: text as it is, a link as its address, other data named by kind and size."""
    inner = getattr(block, "resource", block)
    if getattr(inner, "text", None) is not None:
        return str(inner.text)
    data = getattr(inner, "data", None) or getattr(inner, "blob", None)
    if data is not None:
        return f"[{getattr(inner, 'mime_type', None) or 'binary data'}: {len(data) * 3 // 4:,} bytes]"
    return str(getattr(inner, "uri", inner))


def _first(error: BaseException) -> BaseException:
    """The first of a group of errors, as event loops raise them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
