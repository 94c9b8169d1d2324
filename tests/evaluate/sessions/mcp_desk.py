"""An MCP server with a stateful desk, for test_mcp.py: on stdio, or with a port on loopback."""

import os
import sys

from mcp.server import MCPServer
from mcp.server.mcpserver import Image

desk = MCPServer("desk")
ORDERS = {"7": "late"}


@desk.tool()
def find(order: str) -> str:
    """Find an order."""
    return ORDERS[order]


@desk.tool()
def refund(order: str, amount: float) -> dict[str, float]:
    """Pay back."""
    ORDERS[order] = f"refunded {amount:g}"
    return {"paid": amount}


@desk.tool()
def photo() -> Image:
    """A picture."""
    return Image(data=b"\x00" * 300, format="png")


@desk.tool()
def die() -> str:
    """End the server."""
    os._exit(3)


@desk.tool()
async def sleep() -> str:
    """Never comes back."""
    import anyio

    await anyio.sleep(3600)
    return ""


if len(sys.argv) > 1:
    desk.run("streamable-http", port=int(sys.argv[1]))
else:
    desk.run("stdio")
