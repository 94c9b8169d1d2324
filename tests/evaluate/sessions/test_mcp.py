"""Tools of a real MCP server, on stdio and on loopback."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import InvalidError, UsageError
from harness.evaluate.sessions import tools
from harness.evaluate.sessions.clock import ToolTimeout

SERVER = str(Path(__file__).with_name("mcp_desk.py"))


def test_without_the_package_it_says_what_to_install(monkeypatch):
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.delitem(sys.modules, "harness.evaluate.sessions.mcp_server", raising=False)
    with pytest.raises(UsageError, match="needs the package mcp"):
        tools.mcp(["server"])


@pytest.fixture(scope="module")
def env():
    """What the server's process needs to find the package."""
    package = pytest.importorskip("mcp", reason="needs the package mcp: pip install 'trueup[mcp]'")
    return {"PYTHONPATH": str(Path(package.__file__).parents[1])}


@pytest.mark.slow
def test_a_server_on_stdio_serves_a_session(env, playing, calling, words):
    """State is kept from call to call; refusals, wrong arguments and pictures are results; only some tools are taken."""
    with tools.mcp([sys.executable, SERVER], env=env) as offered:
        assert [tool.name for tool in offered] == ["find", "refund", "photo", "die", "sleep"]
        assert offered[1].definition["function"]["parameters"]["required"] == ["order", "amount"]
        asked = calling(("refund", {"order": "7", "amount": 2}), ("find", {"order": "7"}), ("find", {"order": "9"}), ("refund", {"order": []}), ("photo", {}))  # fmt: skip
        run = playing(asked, words("Done")).session("x", offered).play()
    results = [step.result for step in run.steps]
    assert [step.refused for step in run.steps] == [False, False, True, True, False]
    assert '"paid"' in results[0] and results[1] == "refunded 2" and results[4] == "[image/png: 300 bytes]"
    with tools.mcp([sys.executable, SERVER], env=env, only=["find"]) as offered:
        assert [tool.call({"order": "7"}) for tool in offered] == ["late"]  # a server anew


@pytest.mark.slow
def test_a_server_that_hangs_ends_or_never_starts_is_an_error_of_the_case(env, playing, calling):
    """None of it says anything of the model."""
    with tools.mcp([sys.executable, SERVER], env=env) as offered:
        with pytest.raises(ToolTimeout):
            playing(calling(("sleep", {}))).session("x", offered, tool_seconds=0.2).play()
        with pytest.raises(InvalidError):
            playing(calling(("die", {}))).session("x", offered).play()
    with pytest.raises(InvalidError, match="did not start"), tools.mcp([sys.executable, "-c", "0"], env=env):
        pass
    with pytest.raises(UsageError, match="no tool 'fnd'"), tools.mcp([sys.executable, SERVER], env=env, only=["fnd"]):
        pass


@pytest.mark.slow
def test_a_server_on_loopback_is_reached_and_others_are_not(env):
    """By its address; a host elsewhere is refused before anything is sent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, SERVER, str(port)], env={**os.environ, **env}) as server:
        try:
            address = f"http://127.0.0.1:{port}/mcp"
            for _ in range(100):
                try:
                    with tools.mcp(address, only=["find"]) as (find,):
                        assert find.call({"order": "7"}) == "late"
                    break
                except InvalidError:
                    time.sleep(0.2)
            else:
                pytest.fail("the server was not reached")
        finally:
            server.terminate()
    for elsewhere in ("http://example.com/mcp", "http://192.168.0.1/mcp", "mcp"):
        with pytest.raises(UsageError, match="not on loopback"):
            tools.mcp(elsewhere)
