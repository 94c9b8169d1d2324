"""Children that are forked in tests are what a started child is, to themselves and to whoever waits for them."""

import json
import os
import sys

import pytest

from harness.core import worker
from harness.core.worker import Worker
from harness.errors import TrueupError
from tests.forks import Forks

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfd_open")
CHILD = """
import json, os, signal, sys
from harness.core import worker
parent = worker.parent()
for request in parent.requests():
    job = json.loads(request)
    if job == "facts":
        parent.result(json.dumps({
            "arguments": sys.argv[1:-1], "folder": os.getcwd(), "path": sys.path, "hash": hash("a"),
            "environment": dict(os.environ), "safe": sys.flags.safe_path, "leads": os.getpgid(0) == os.getpid(),
            "open": len(os.listdir("/proc/self/fd")), "main": __name__, "given": sys.stdin.read(),
        }).encode())
    elif job == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif job == "exit":
        print("the last words", flush=True)
        sys.exit(3)
raise SystemExit(0)
"""


STARTED = worker.start
"""As the product has it: what the session puts in its place comes later."""


@pytest.fixture
def ways(tmp_path, monkeypatch):
    """How a child comes to be: started, and forked from a process that has imported a few things."""
    (tmp_path / "some_child.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    forks = Forks(["json", "msgspec"])
    yield STARTED, forks.start
    forks.close()


def asked(start, job, *arguments, **more):
    """What a child answers that `start` made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "start", start)
        with Worker("some_child", *arguments, **more) as child:
            child.send(json.dumps(job).encode())
            return json.loads(child.result())


def test_a_fork_is_to_itself_what_a_started_child_is(ways, tmp_path, monkeypatch):
    """Arguments, folder, path, environment, hashes, group, open files, and nothing to read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("A_SECRET", "hidden")
    monkeypatch.setenv("SEEN", "yes")
    started, forked = (asked(start, "facts", "a", "b c", more={"MORE": "given"}) for start in ways)
    assert forked == started and started["leads"] and started["environment"]["MORE"] == "given"


@pytest.mark.parametrize(("job", "says"), [("exit", "ended with code 3"), ("kill", "was killed")])
def test_how_a_fork_ended_is_known(ways, job, says):
    """Its exit code, or the signal, and the end of what it wrote."""
    for start in ways:
        with pytest.raises(TrueupError, match=says) as error:
            asked(start, job)
        assert job == "kill" or error.value.where == "the last words"


def test_forks_at_the_same_time_share_nothing(ways):
    """Each has its own messages, and ends when its own parent is done with it."""
    _, forked = ways
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "start", forked)
        with Worker("some_child", "1") as first, Worker("some_child", "2") as second:
            for child, number in ((second, "2"), (first, "1")):
                child.send(b'"facts"')
                assert json.loads(child.result())["arguments"] == [number]
            first.close()
            assert first.ended() and not second.ended()
            second.send(b'"facts"')
            assert json.loads(second.result())["arguments"] == ["2"]
