"""What is in the inbox is there after any end of its writer, and is taken once its trace is quiet."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import StorageError
from harness.ingest.collector import inbox, traces
from harness.ingest.collector.inbox import Writer, taken
from harness.ingest.stage import ingest
from tests.ingest.collector.serving import Client, lines, request, span

ROOT = Path(__file__).parents[3]
CHILD = """
import os, sys
from pathlib import Path
from tests.ingest.collector.serving import serving
left = [int(sys.argv[2])]
def dying(real):
    def call(*args):
        found = real(*args)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), 9)
        return found
    return call
with serving(Path(sys.argv[1])) as client:
    if left[0]:
        os.fsync, os.write, os.rename = dying(os.fsync), dying(os.write), dying(os.rename)
    print(client.port, flush=True)
    sys.stdin.read()
"""


def receiver(folder, dies_after=0):
    """A receiver in a process of its own; it kills itself after so many writes, renames and syncs."""
    command = [sys.executable, "-c", CHILD, str(folder), str(dies_after)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    return child, Client(int(child.stdout.readline()))


def post(client, body):
    try:
        return client.post(body)
    except OSError:
        return 0, {}, b""


def calls_of(folder):
    with taken(folder) as paths:
        return [call for batch in ingest(paths) for call in batch.calls]


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_killed_between_any_two_writes_it_loses_nothing_that_was_acknowledged(tmp_path, step):
    """A client repeats what was not acknowledged; after a kill at each system call that writes, each call is there once."""
    sent, acknowledged = 0, 0
    child, client = receiver(tmp_path / "inbox", step)
    for number in (1, 2, 3):
        sent += 1
        while post(client, request(span(number)))[0] != 200:
            child.wait(300)
            child, client = receiver(tmp_path / "inbox")
        acknowledged += 1
    child.kill()
    child.wait()
    assert acknowledged == sent
    assert sorted(call.span_id[-1] for call in calls_of(tmp_path / "inbox")) == ["1", "2", "3"]


def test_a_full_disk_is_answered_with_come_again_and_loses_nothing(tmp_path):
    """When no byte can be written the answer is 503 with Retry-After; with space again the same post is kept, whole."""
    child, client = receiver(tmp_path / "inbox")
    assert post(client, request(span(1)))[0] == 200
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))
    status, headers, _ = client.post(request(span(2, note="x" * 5000)))
    assert (status, "retry-after" in headers) == (503, True)
    assert len(lines(tmp_path / "inbox")) == 1
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert post(client, request(span(2)))[0] == 200
    child.stdin.close()
    child.wait()
    assert len(calls_of(tmp_path / "inbox")) == 2


def test_two_clients_that_send_the_same_are_one(tmp_path):
    """The same spans from two clients at once, in another order, three times: each call once."""
    child, client = receiver(tmp_path / "inbox")
    clients = [
        subprocess.Popen([sys.executable, "-c", SENDER, str(client.port), str(order)], cwd=ROOT) for order in (1, -1)
    ]
    assert [one.wait(300) for one in clients] == [0, 0]
    child.stdin.close()
    child.wait()
    found = calls_of(tmp_path / "inbox")
    assert len(found) == len({call.id for call in found}) == 8


SENDER = """
import sys
from tests.ingest.collector.serving import Client, request, span
client, order = Client(int(sys.argv[1])), int(sys.argv[2])
for _ in range(3):
    for number in range(1, 9)[::order]:
        assert client.post(request(span(number)))[0] == 200
"""


def test_a_trace_is_taken_when_it_is_quiet(tmp_path):
    """While a receiver runs, what belongs to a trace that goes on stays; a quiet trace of the same request is taken."""
    old, quiet, live = Writer(tmp_path), "1" * 32, "2" * 32
    old.append(json.dumps(request(span(1, quiet), span(2, live))).encode())
    old.close()
    (segment,) = tmp_path.iterdir()
    os.utime(segment, (time.time() - 100,) * 2)
    now = Writer(tmp_path)
    now.append(json.dumps(request(span(3, live))).encode())
    with taken(tmp_path) as paths:
        assert [traces.of(record) for path in paths for record in lines_of(path)] == [{quiet}]
    now.close()
    with taken(tmp_path) as paths:
        assert [traces.of(record) for path in paths for record in lines_of(path)] == [{live}, {live}]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("jump_s", [-86_400, 86_400], ids=["back", "forward"])
def test_a_clock_that_jumps_holds_nothing_up(tmp_path, monkeypatch, jump_s):
    """A day back or forward while a receiver runs: what it wrote before is taken at once, and all of it in the end."""
    before = Writer(tmp_path)
    before.append(json.dumps(request(span(1, "1" * 32))).encode())
    before.close()
    real = time.time
    monkeypatch.setattr(inbox.time, "time", lambda: real() + jump_s)
    monkeypatch.setattr(inbox.time, "time_ns", lambda: int((real() + jump_s) * 1e9))
    after = Writer(tmp_path)
    after.append(json.dumps(request(span(2, "2" * 32))).encode())
    assert [call.span_id[-1] for call in calls_of(tmp_path)] == ["1"]
    after.close()
    assert [call.span_id[-1] for call in calls_of(tmp_path)] == ["2"]


def test_what_a_failed_ingest_took_is_still_there(tmp_path):
    """When the block that takes the inbox fails, everything stays for the next time."""
    writer = Writer(tmp_path)
    writer.append(json.dumps(request(span())).encode())
    writer.close()
    with pytest.raises(KeyError), taken(tmp_path):
        raise KeyError
    assert len(lines(tmp_path)) == 1


def test_a_torn_last_line_is_passed_over(tmp_path):
    """A line without an end was never acknowledged; the lines before it are read."""
    writer = Writer(tmp_path)
    writer.append(json.dumps(request(span())).encode())
    writer.close()
    (segment,) = tmp_path.iterdir()
    with segment.open("ab") as file:
        file.write(b'{"resourceSpans": [{"scope')
    assert len(calls_of(tmp_path)) == 1


def test_the_inbox_has_a_limit(tmp_path, monkeypatch):
    """Above the limit nothing is taken in, and the message names the command that makes room."""
    monkeypatch.setattr(inbox, "LARGEST", 10)
    with pytest.raises(StorageError, match="trueup ingest"):
        Writer(tmp_path).append(b"x" * 11)


def test_only_the_owner_reads_it(tmp_path):
    """Segments are readable by the owner only."""
    Writer(tmp_path).append(b"{}")
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]


def lines_of(path):
    return [json.loads(line) for line in Path(path).read_bytes().splitlines()]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/usr/bin/strace").exists(), reason="strace is not here")
@pytest.mark.parametrize("call", ["write", "fsync", "rename", "ftruncate"])
def test_killed_by_the_kernel_at_any_system_call(tmp_path, call):
    """The same sweep with strace: the receiver is killed at the Nth write, sync or rename, for N from 1 on."""
    for number in range(1, 7):
        folder = tmp_path / str(number)
        child, client = receiver(folder)
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        tracer = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject, "-p", str(child.pid)], stderr=subprocess.DEVNULL
        )
        time.sleep(0.5)
        for part in (1, 2, 3):
            while post(client, request(span(part)))[0] != 200:
                child.wait(300)
                child, client = receiver(folder)
        child.send_signal(signal.SIGKILL)
        child.wait()
        tracer.wait(300)
        assert len(calls_of(folder)) == 3
