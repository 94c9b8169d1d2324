"""Child processes: one environment, one framing, and none that outlives what started it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from harness import errors
from harness.core import worker
from harness.core.worker import ChildError, Worker, environment
from harness.errors import InputError, StorageError, TrueupError

PROC = pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks at /proc")
HEAD = "import errno, os, subprocess, sys, threading, time\nfrom harness.core import worker\nfrom harness.errors import *\n"


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Starts a child that runs the body of `job(parent, request)`, which returns the answer's JSON."""

    def make(body: str, **given) -> Worker:
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        main = "parent = worker.parent()\nparent.perform(lambda: job(parent, next(parent.requests())))\n"
        (tmp_path / "some_child.py").write_text(f"{HEAD}def job(parent, request):\n{lines}{main}")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
        child = Worker("some_child", **given)
        child.send(b"{}")
        return child

    return make


def running(pid: int, seconds: float = 300) -> bool:
    """False once the process has ended, or is only waiting to be collected; waits so long for that."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        time.sleep(0.05)
    return True


def test_messages_are_lines_whatever_the_json_looks_like(start):
    """Events come in order, then the result; line breaks between the tokens of JSON do not break the framing."""
    events = []
    with start('parent.event(b"[1,\\n2]")\nparent.event(b\'"a\\\\nb"\')\nreturn b"{}"') as child:
        assert child.result(events.append) == b"{}"
    assert events == [b"[1, 2]", b'"a\\nb"']


def test_events_of_several_threads_do_not_mix(start):
    """Messages longer than a pipe takes at once arrive whole, whichever thread sends them."""
    body = (
        'say = lambda digit: [parent.event(b\'"%s"\' % (b"%d" % digit * 100_000)) for _ in range(5)]\n'
        "threads = [threading.Thread(target=say, args=(digit,)) for digit in range(4)]\n"
        "[thread.start() for thread in threads]\n[thread.join() for thread in threads]\nreturn b'{}'"
    )
    events = []
    with start(body) as child:
        child.result(events.append)
    assert sorted(events) == sorted(b'"%s"' % (b"%d" % digit * 100_000) for digit in range(4) for _ in range(5))


@pytest.mark.parametrize("kind", [name for name in vars(errors) if name.endswith("Error")])
def test_every_error_of_ours_is_raised_again(start, kind):
    """The class, what, where and next of the child's error are the parent's; a subclass arrives as what it is of ours."""
    body = f'class Mine({kind}): pass\nraise Mine("what", where="where", next="next")'
    with pytest.raises(TrueupError) as caught, start(body) as child:
        child.result()
    assert type(caught.value) is getattr(errors, kind)
    assert (caught.value.what, caught.value.where, caught.value.next) == ("what", "where", "next")


@pytest.mark.parametrize("number", ["ENOSPC", "EDQUOT", "EFBIG"])
def test_a_full_disk_is_a_storage_error(start, number):
    """Each way in which a system refuses a file for lack of room; another OSError is a crash."""
    with pytest.raises(StorageError) as caught, start(f'raise OSError(errno.{number}, "no room", "a.bin")') as child:
        child.result()
    assert caught.value.where == "a.bin" and "free space" in caught.value.next


def test_another_system_error_is_a_crash_that_is_quoted(start):
    """It is our fault: the exit code and the last line of the traceback say what it was."""
    with pytest.raises(TrueupError, match="code 1") as caught, start('raise OSError(errno.EIO, "broken")') as child:
        child.result()
    assert caught.value.where == "OSError: [Errno 5] broken"


def test_an_unforeseen_exception_is_named():
    """A child that reports any exception, as pytest's internal errors are, names its class."""
    error = ChildError.of(KeyError("a")).again()
    assert type(error) is TrueupError and error.what == "KeyError: 'a'"
    assert isinstance(ChildError.of(InputError("x", where="y")).again(), InputError)


def test_a_message_that_was_cut_off_is_no_message(start):
    """A child that is killed while it writes has ended without an answer."""
    body = 'os.write(parent._descriptor, b\'{"type":"done","da\')\nos.kill(os.getpid(), 9)'
    with pytest.raises(TrueupError, match="killed"), start(body) as child:
        child.result()


def test_standard_input_of_a_child_is_empty(start):
    """Code of a user that reads standard input does not take the requests."""
    with start("import json\nreturn json.dumps(os.read(0, 10).decode()).encode()") as child:
        assert child.result() == b'""'


def test_children_are_offline_and_reproducible(start):
    """The same variables for every child, whatever the caller set."""
    with start("import json\nreturn json.dumps([dict(os.environ), sys.flags.safe_path]).encode()") as child:
        given, safe = worker.msgspec.json.decode(child.result())
    assert given["HF_HUB_OFFLINE"] == given["TRANSFORMERS_OFFLINE"] == given["HF_DATASETS_OFFLINE"] == "1"
    assert given["PYTHONHASHSEED"] == "0" and safe is True


@pytest.mark.parametrize(
    "name",
    [
        "HF_TOKEN",
        "OPENAI_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "MY_PASSWORD",
        "PGPASSWORD",
        "db_passwd",
        "AZURE_OPENAI_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "SSH_KEY_PASSPHRASE",
        "GITHUB_TOKEN",
        "APIKEY",
    ],
)
def test_secrets_are_inherited_by_name_only(monkeypatch, name):
    """No secret reaches a child, unless the job names it or the user does."""
    monkeypatch.setenv(name, "x")
    assert name not in environment() and environment((name,))[name] == "x"
    monkeypatch.setenv(worker.NAMED, f"OTHER, {name}")
    assert environment()[name] == "x"


def test_what_is_no_secret_is_inherited(monkeypatch):
    """Names that only look like one stay."""
    names = ("PATH", "MAX_TOKENS", "KEYBOARD", "TOKENIZER", "PYTHONPATH")
    for name in names:
        monkeypatch.setenv(name, "x")
    assert set(names) <= set(environment())


@PROC
@pytest.mark.parametrize("leave", [KeyboardInterrupt, SystemExit, RuntimeError, InputError])
def test_an_interrupted_parent_leaves_nothing_of_the_group(start, leave):
    """The child and what it started are gone before the exception is passed on."""
    body = 'other = subprocess.Popen(["sleep", "600"])\nparent.event(b"[%d,%d]" % (os.getpid(), other.pid))\ntime.sleep(600)'
    pids = []

    def interrupt(data):
        pids.extend(worker.msgspec.json.decode(data))
        raise leave("stop")

    with pytest.raises(leave), start(body) as child:
        child.result(interrupt)
    assert len(pids) == 2 and not any(running(pid) for pid in pids)


@PROC
def test_what_a_finished_child_left_running_is_ended(start):
    """A background process of the child does not outlive it."""
    with start('return b"%d" % subprocess.Popen(["sleep", "600"]).pid') as child:
        pid = int(child.result())
    assert not running(pid)


@PROC
def test_a_child_and_its_group_die_with_a_killed_parent(start, tmp_path):
    """SIGKILL of the parent, which can clean nothing up, ends the child and what it started."""
    body = 'other = subprocess.Popen(["sleep", "600"])\nparent.event(b"[%d,%d]" % (os.getpid(), other.pid))\ntime.sleep(600)'
    start(body).close(0.0)  # writes the module
    script = "from harness.core.worker import Worker\nchild = Worker('some_child')\nchild.send(b'{}')\n"
    script += "child.result(lambda data: print(data.decode(), flush=True))"
    above = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    pids = worker.msgspec.json.decode(above.stdout.readline())
    above.send_signal(signal.SIGKILL)
    above.wait()
    above.stdout.close()
    assert len(pids) == 2 and not any(running(pid) for pid in pids)


def test_a_child_that_cannot_start_leaves_no_open_files(monkeypatch):
    """The pipe is closed when the process cannot be made."""
    before = len(os.listdir("/dev/fd"))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(FileNotFoundError):
        Worker("some_child")
    assert len(os.listdir("/dev/fd")) == before
