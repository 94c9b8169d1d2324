"""The endpoint backend against a real server: `transformers serve` with the tiny model."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from harness.core.worker import FIXED
from harness.evaluate.backends import hf, openai_compatible
from harness.types import Arm, Reply, Request

pytest.importorskip("fastapi", reason="transformers serve needs it")
pytest.importorskip("openai", reason="transformers serve needs it")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(folder):
    """Address of the server, once it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "transformers"), "serve", str(folder), "--port", str(port)]
    server = subprocess.Popen(
        [*command, "--device", "cpu", "--dtype", "float32"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**FIXED, "PATH": "/usr/bin:/bin"},
    )
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 300
    while True:
        assert server.poll() is None and time.monotonic() < deadline
        try:
            if httpx2.get(f"{url}/health", timeout=60).is_success:
                break
        except httpx2.TransportError:
            time.sleep(0.5)
    yield f"{url}/v1"
    server.terminate()
    server.wait(timeout=300)


def test_a_real_server_says_what_the_hf_backend_says(served, folder, user):
    """The same greedy replies, in order, with tokens counted alike; one server, several requests at once."""
    hosted = Arm(name="hosted", model=str(folder), options={"url": served, "concurrency": 4})
    local = Arm(name="local", model=str(folder), options={"dtype": "float32"})
    asked = [Request(messages=user(text), max_tokens=8) for text in ("a table", "four people", "the dog")]
    there = openai_compatible.open([hosted]).answer(hosted, asked)
    here = hf.open([local]).answer(local, asked)
    assert all(isinstance(reply, Reply) for reply in there), there
    assert [reply.text.strip() for reply in there] == [reply.text.strip() for reply in here]
    assert [reply.usage.input for reply in there] == [reply.usage.input for reply in here]


def test_a_server_that_does_not_know_the_model_is_an_error(served, user):
    """What the server refuses is an error with its words, not a reply."""
    arm = Arm(name="hosted", model="/nowhere/at/all", options={"url": served, "retries": 0})
    failed = openai_compatible.open([arm]).answer(arm, [Request(messages=user("a"))])[0]
    assert isinstance(failed, openai_compatible.EndpointError) and "HTTP" in str(failed)
