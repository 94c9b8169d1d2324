"""Run code that a model wrote, and the tests of it. Off unless TRUEUP_RUN_CODE=1 is set.

Running what a model wrote is a decision of whoever owns the machine, not of an eval file. The code runs in one child, its
tests in another, which asks the first over a socket; so the code sees neither the tests nor what they expect. A child has
no network, no files but an empty folder and the Python library, no further processes and little time and memory; see `harness.evaluate.scorers._confined`. On a machine that cannot confine it so, nothing is run and the case is an error.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import connection
from typing import Any

import re2

from harness.core.codec import encode
from harness.errors import UsageError
from harness.evaluate.scorers import _confined
from harness.evaluate.scorers._common import shown, text_of, verdict
from harness.types import Score

SWITCH = "TRUEUP_RUN_CODE"
BLOCK = re2.compile(r"(?s)```[ \t]*(?:python|py|python3)?[ \t]*\n(.*?)```")
STARTING = 10.0
"""Seconds that the children may take beside those of the code, on a busy machine."""
GRACE = 0.5
"""Seconds for a child to end by itself once the other one has."""


def code(reply: Any, tests: str, *, seconds: float = 5.0, memory_mb: int = 512, name: str = "code") -> Score:
    """1.0 when the Python code in the reply runs and `tests`, which see its names, run to their end; else 0.0 with why.

    The code is the reply's first fenced block, or the whole reply without one. `tests` are Python statements, such as
    `assert add(2, 2) == 4`, and may be empty. `seconds` is processor time. Raises UsageError when running code is
    switched off, or cannot be confined on this machine.
    """
    if os.environ.get(SWITCH) != "1":
        raise UsageError("running a model's code is switched off", next=f"{SWITCH}=1 trueup eval")
    said = text_of(reply)
    block = BLOCK.search(said)
    written = block[1] if block else said
    if not written.strip():
        return verdict(name, False, f"there is no code: {shown(reply)}")
    problem = run(written, tests, seconds, memory_mb * 2**20)
    return verdict(name, not problem, problem)


def run(written: str, tests: str, seconds: float, memory: int) -> str:
    """Why the code does not do what the tests ask; empty when it does. Raises UsageError when it cannot be confined."""
    here, there = socket.socketpair()
    with tempfile.TemporaryDirectory(prefix="trueup-code-") as folder, here, there:
        shared = {"seconds": seconds, "memory": memory}
        with (
            _child({**shared, "role": "answer", "text": written}, folder, here) as answer,
            _child({**shared, "role": "judge", "text": tests}, folder, there) as judge,
        ):
            here.close()
            there.close()
            outcome = _outcome(judge, seconds + STARTING)
            if outcome is None or not outcome.get("why"):
                _wait(answer, GRACE)
            codes = [_end(child) for child in (answer, judge)]
            complaints = [_complaint(child) for child in (answer, judge)]
    if _confined.UNCONFINED in codes:
        last = next(text for text, code in zip(complaints, codes, strict=True) if code == _confined.UNCONFINED)
        raise UsageError(
            f"code cannot be confined on this machine: {last.rsplit(chr(10), 1)[-1]}", next="use Linux 5.13 or later"
        )
    if outcome and outcome["passed"] is True:
        return ""
    if outcome and outcome["why"]:
        return str(outcome["why"]).rsplit("\n", 1)[-1]
    if outcome is None or codes[0] in (-signal.SIGXCPU, -signal.SIGKILL) or codes[1] in (-signal.SIGXCPU,):
        return f"it did not end within {seconds:g} seconds"
    return f"it ended before its tests did (exit code {codes[0]})"


@contextlib.contextmanager
def _child(job: dict[str, Any], folder: str, connection: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """A confined child with an empty folder of its own. Nothing but pipes leads out of it, and it is killed at the end."""
    python = getattr(sys, "_base_executable", None) or sys.executable
    place = os.path.join(folder, job["role"])
    os.mkdir(place)
    os.chmod(folder, 0o755)
    os.chmod(place, 0o777)  # the child gives up its rights
    child = subprocess.Popen(
        [python, "-I", "-S", "-B", _confined.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if job["role"] == "judge" else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=[connection.fileno()],
        cwd=place,
        env={"PATH": "", "LANG": "C.UTF-8"},
        start_new_session=True,
    )
    try:
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError), child.stdin as stdin:
            stdin.write(encode({**job, "folder": place, "socket": connection.fileno()}))
        yield child
    finally:
        _end(child)
        for pipe in (child.stdout, child.stderr):
            if pipe:
                pipe.close()


def _outcome(judge: "subprocess.Popen[bytes]", seconds: float) -> dict[str, Any] | None:
    """What the judge says; nothing said when it was ended, None when it did not end in time."""
    assert judge.stdout is not None
    deadline, said = time.monotonic() + seconds, b""
    while (left := deadline - time.monotonic()) > 0:
        if connection.wait([judge.stdout.fileno()], left):
            piece = os.read(judge.stdout.fileno(), 1 << 16)
            if not piece:
                return dict(json.loads(said)) if said else {"passed": False, "why": ""}
            said += piece
    return None


def _complaint(child: "subprocess.Popen[bytes]") -> str:
    """The start of what a child that has ended said before it was confined; nothing of the code's is among it."""
    assert child.stderr is not None
    return child.stderr.read(2_000).decode(errors="replace").strip()


def _wait(child: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Let a child that is ending end by itself, so that its exit code says why."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(seconds)


def _end(child: "subprocess.Popen[bytes]") -> int:
    """Kill a child and its group if it is still there; its exit code."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    return child.wait()
