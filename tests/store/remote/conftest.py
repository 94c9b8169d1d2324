"""Buckets for tests: one in memory, the same for every opening, and one on a real S3 server in a process of its own."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from harness.store import Store
from harness.store.remote import bucket

ADDRESS = "memory://bucket/desk"


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """What `memory://` addresses lead to."""
    objects = MemoryStore()
    monkeypatch.setattr(bucket, "_opened", lambda _: objects)
    return objects


@pytest.fixture
def on(tmp_path: Path, memory: MemoryStore) -> Callable[..., Store]:
    """Opens the store in the bucket with the working copy of that name, as a machine of its own would."""
    return lambda name="one", **more: Store.open(tmp_path / name, ADDRESS, **more)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of moto's S3 server."""
    if not all(map(importlib.util.find_spec, ("moto", "boto3", "flask", "flask_cors"))):
        pytest.skip("moto's S3 server is not installed: pip install --group dev")
    with serving() as address:
        yield address


@contextmanager
def serving() -> Iterator[str]:
    """moto's S3 server in a process of its own; its address."""
    command = [sys.executable, str(Path(__file__).with_name("serve.py"))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdout
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
        child.kill()


def leading(endpoint: str) -> dict[str, str]:
    """The variables that lead to an S3 server."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    return {"AWS_ENDPOINT_URL": endpoint, **keys}


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """The environment that leads to the S3 server; called with another address, to a proxy before it."""

    def lead(endpoint: str) -> None:
        for name, value in leading(endpoint).items():
            monkeypatch.setenv(name, value)

    lead(server)
    return lead
