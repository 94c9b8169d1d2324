import os
import signal
import subprocess
import sys
import time

import pytest

from harness.core.codec import encode
from harness.errors import InputError, TrueupError, UsageError
from harness.tune.engines import _wire, local
from harness.types import Prompt, Recipe, TuneRequest

SLEEPER = """
import os, sys, time
from harness.tune.engines import _wire, local

def sleep(request, emit):
    print(os.getpid(), file=open(request.decode(), "w"), flush=True)
    time.sleep(60)

_wire.JOBS["sleep"] = sleep
local.main("sleep")
"""


@pytest.fixture
def job(monkeypatch, tmp_path):
    """Makes the child run a script of the test's instead of a real job: its body gets `request` and `emit`."""

    def make(body: str) -> None:
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        script = (
            f"import os, sys, time\nfrom harness.tune.engines import _wire, local\nfrom harness.errors import *\n"
            f"def job(request, emit):\n{lines}\n_wire.JOBS['job'] = job\nlocal.main('job')\n"
        )
        start = subprocess.Popen
        monkeypatch.setattr(
            local.subprocess, "Popen", lambda command, **given: start([sys.executable, "-P", "-c", script], **given)
        )

    return make


def test_events_come_in_order_and_then_the_result(job):
    """The parent sees every event of the child, and the bytes it returned; a large request passes whole."""
    job('emit(b"1")\nemit(b"[2]")\nreturn b\'{"size":%d}\' % len(request)')
    events = []
    assert local.run("job", b" " * 300_000, events.append) == b'{"size":300000}'
    assert events == [b"1", b"[2]"]


def test_what_libraries_print_does_not_disturb(job):
    """Text on the child's standard output, from Python or below it, is not taken for an answer."""
    job('print("hello")\nos.write(1, b"{broken\\n")\nreturn b"true"')
    assert local.run("job", b"{}", lambda data: None) == b"true"


def test_the_childs_error_comes_back_as_itself(job):
    """Class, what, where and next of the child's error are those that the parent raises."""
    job('raise InputError("no rows", where="train.jsonl:3", next="trueup curate")')
    with pytest.raises(InputError) as caught:
        local.run("job", b"{}", lambda data: None)
    assert (caught.value.what, caught.value.where, caught.value.next) == ("no rows", "train.jsonl:3", "trueup curate")


def test_a_crash_quotes_the_last_line(job):
    """A fault of ours in the child is reported with its exit code and the last line of its traceback."""
    job('raise RuntimeError("unforeseen")')
    with pytest.raises(TrueupError, match="ended with code 1") as caught:
        local.run("job", b"{}", lambda data: None)
    assert caught.value.where == "RuntimeError: unforeseen"


def test_a_killed_child_is_reported_as_such(job):
    """A child that the system kills, as it does when memory runs out, gives a message that says so."""
    job("os.kill(os.getpid(), 9)")
    with pytest.raises(TrueupError, match="memory"):
        local.run("job", b"{}", lambda data: None)


def test_an_unknown_job_or_trainer_is_a_usage_error():
    """A method that no trainer has is refused by the real child, with the known names."""
    request = TuneRequest(base="", dataset="", prompt=Prompt(name=""), recipe=Recipe(method="sfft"), out="")
    with pytest.raises(UsageError, match="no trainer named 'sfft'") as caught:
        local.run("tune", encode(request), lambda data: None)
    assert "did you mean 'sft'" in caught.value.next


def gone(pid: int, seconds: float = 20) -> bool:
    """True once the process has ended (or is only waiting to be collected)."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks at /proc")
def test_the_child_dies_with_its_parent(tmp_path):
    """When the parent is killed with SIGKILL, its child ends too: it never trains on for nobody."""
    note = tmp_path / "pid"
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess, sys\n"
            f"child = subprocess.Popen([sys.executable, '-P', '-c', {SLEEPER!r}], stdin=subprocess.PIPE, process_group=0)\n"
            f"data = {str(note)!r}.encode()\n"
            f"child.stdin.write(len(data).to_bytes(8, 'big') + data); child.stdin.flush(); child.wait()",
        ]
    )
    while not (note.exists() and note.read_text().strip()):
        time.sleep(0.05)
    child = int(note.read_text())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert gone(child)


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks at /proc")
def test_an_interrupted_parent_leaves_no_child(job, tmp_path):
    """An exception in the parent, such as Ctrl-C, ends the child before it is passed on."""
    job('emit(b"%d" % os.getpid())\ntime.sleep(60)')
    pids = []

    def interrupt(data: bytes) -> None:
        pids.append(int(data))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        local.run("job", b"{}", interrupt)
    assert gone(pids[0])


def test_the_child_is_offline_and_gets_no_secrets(monkeypatch):
    """Access tokens of the caller are not handed on, and the hub is switched off."""
    for name in ("HF_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "MY_PASSWORD"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    given = local.environment()
    assert not {"HF_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "MY_PASSWORD"} & set(given)
    assert given["HF_HUB_OFFLINE"] == "1" and given["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    "line", [_wire.Event(data=_wire.msgspec.Raw(b"null")), _wire.Failed(error="InputError", what="x")]
)
def test_a_line_reads_as_it_was_written(line):
    """What goes over the wire comes out equal, one line a message."""
    data = _wire.write(line)
    assert data.count(b"\n") == 1 and _wire.write(_wire.read(data)) == data


def test_only_the_secrets_that_a_job_names_reach_it(monkeypatch):
    """A key that the request names is inherited; another one is not."""
    monkeypatch.setenv("OPENAI_API_KEY", "named")
    monkeypatch.setenv("OTHER_API_KEY", "not named")
    given = local.environment(("OPENAI_API_KEY",))
    assert given["OPENAI_API_KEY"] == "named" and "OTHER_API_KEY" not in given
    assert "OPENAI_API_KEY" not in local.environment()
