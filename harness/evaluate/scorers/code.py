"""Run code that a model wrote, and the tests of it. Off unless TRUEUP_RUN_CODE=1 is set.

Running what a model wrote is a decision of whoever owns the machine, not of an eval file. The code runs in a child that
has no network, no files but an empty folder and the Python library, no further processes and little time and memory;
see `harness.evaluate.scorers._confined`. On a machine that cannot confine it so, nothing is run and the case is an error.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
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
"""Seconds that the child may take beside those of the code, on a busy machine."""


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
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="trueup-code-") as folder:
        os.chmod(folder, 0o777)  # the child gives up its rights
        job = {"code": written, "tests": tests, "token": token, "seconds": seconds, "memory": memory, "folder": folder}
        out, err = Path(folder) / "out", Path(folder) / "err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            ended = _ended(encode(job), folder, stdout, stderr, seconds + STARTING)
        said, complaint = out.read_bytes()[-200:], err.read_bytes()[-2_000:].decode(errors="replace").strip()
    last = complaint.rsplit("\n", 1)[-1]
    if ended == _confined.UNCONFINED:
        raise UsageError(f"code cannot be confined on this machine: {last}", next="use Linux 5.13 or later")
    if ended is None or ended in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"it did not end within {seconds:g} seconds"
    if said.endswith(f"\n{token}\n".encode()):
        return ""
    return last or f"it ended before its tests did (exit code {ended})"


def _ended(job: bytes, folder: str, stdout: Any, stderr: Any, seconds: float) -> int | None:
    """Exit code of the child; None when it had to be killed."""
    python = getattr(sys, "_base_executable", None) or sys.executable
    child = subprocess.Popen(
        [python, "-I", "-S", "-B", _confined.__file__],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        cwd=folder,
        env={"PATH": "", "LANG": "C.UTF-8"},
        start_new_session=True,
    )
    try:
        child.communicate(job, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return child.returncode
