"""Runs a job in a child process of this machine.

A child of its own keeps torch out of the caller, gives all memory back when it ends, and can be killed without harm. It
stands in a process group of its own, is offline, inherits no access tokens, and never outlives its parent: it ends when
its standard input closes, which the system does even for a parent that was killed.

    run("tune", encode(request), on_event)      in the parent
    python -P -m harness.tune.engines.local tune     in the child: request on stdin, JSON lines on stdout
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import IO

from harness.core.quiet import hush
from harness.errors import TrueupError
from harness.tune.engines import _wire

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
_SECRET = re.compile(r"(TOKEN|SECRET|PASSWORD|API_KEY|ACCESS_KEY)(_|$)", re.IGNORECASE)
_TAIL = 2000
"""Bytes of the child's stderr that are quoted when it dies without a word."""


def run(job: str, request: bytes, on_event: Callable[[bytes], None], secrets: Sequence[str] = ()) -> bytes:
    """Run `job` in a child process and return its result; `on_event` gets each event's JSON as it comes.

    `secrets` names the environment variables with keys that the job needs: the child inherits those and no others.

    Raises the child's own TrueupError, or one that quotes the end of its stderr when it died without one.
    """
    with tempfile.TemporaryFile() as noise:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.tune.engines.local", job],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=noise,
            env=environment(secrets),
            process_group=0,
        )
        try:
            return _listen(child, request, on_event, noise)
        finally:
            _end(child)


def environment(secrets: Sequence[str] = ()) -> dict[str, str]:
    """The caller's environment, offline, without its secrets but those that are named."""
    kept = {name: value for name, value in os.environ.items() if name in secrets or not _SECRET.search(name)}
    return kept | OFFLINE


def _listen(child: subprocess.Popen, request: bytes, on_event: Callable[[bytes], None], noise: IO[bytes]) -> bytes:
    assert child.stdin is not None and child.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # a child that died at once says why on its stderr
        child.stdin.write(len(request).to_bytes(8, "big") + request)
        child.stdin.flush()
    for data in child.stdout:
        line = _wire.read(data)
        if isinstance(line, _wire.Event):
            on_event(bytes(line.data))
        elif isinstance(line, _wire.Done):
            return bytes(line.data)
        else:
            raise line.again()
    raise _died(child.wait(), noise)


def _died(code: int, noise: IO[bytes]) -> TrueupError:
    noise.seek(max(0, noise.seek(0, os.SEEK_END) - _TAIL))
    last = noise.read().decode(errors="replace").strip()
    if code == -signal.SIGKILL:
        return TrueupError(
            "the job's process was killed, most likely because memory ran out",
            next="give it more memory or a smaller batch_size; the same command continues where it was",
        )
    return TrueupError(f"the job's process ended with code {code}", where=last.splitlines()[-1] if last else "")


def _end(child: subprocess.Popen) -> None:
    """Leave nothing running, whatever happened: the whole group of the child goes."""
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    try:
        child.wait(timeout=5)  # a job that is done ends by itself; one that is not sees its stdin close
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


# ---------------------------------------------------------------- in the child


def main(job: str) -> None:
    """Read the request, run the job, answer. Whatever libraries print goes to stderr: stdout carries the answer alone."""
    hush()
    answer = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    size = int.from_bytes(_exactly(8), "big")
    request = _exactly(size)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _wire.perform(job, request, lambda line: _say(answer, line))


def _say(answer: IO[bytes], line: _wire.Line) -> None:
    """Write all of a line; an unbuffered pipe may take it in parts."""
    rest = memoryview(_wire.write(line))
    while rest:
        rest = rest[answer.write(rest) :]


def _exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = os.read(0, size - len(data))
        if not piece:
            sys.exit(0)
        data += piece
    return data


def _end_with_parent() -> None:
    """Wait for the parent's end of stdin to close, then end the whole group at once."""
    while os.read(0, 1):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1])
