"""Fork the children of the tests from one process that has imported what they import: half a second is spared each time.

A child is a process of its own as before, with its own group, descriptors, folder and environment, and runs the same
`python -P -m MODULE`; only its imports are done. That a child starts from nothing is shown by `tests/core/test_worker.py`,
`tests/test_forks.py`, the tests of whole commands and the slow tests.
"""

import contextlib
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any

from _pytest.config import default_plugins

from harness.core import worker
from harness.core.codec import read
from harness.core.worker import FIXED
from harness.types import EvalRequest

LIGHT = (
    *(f"_pytest.{name}" for name in default_plugins),
    "harness.evaluate.backends.scripted",
    "harness.evaluate.judging.judge",
    "harness.evaluate.runner.worker",
    "harness.evaluate.score",
    "harness.evaluate.scorers.text",
    "harness.ingest.stage",
    "pdb",
    "pytest",
    "xml.etree.ElementTree",
)
"""What each child that runs suites, or reads exports, imports first."""
HEAVY = (
    "peft",
    "torch",
    "trainers.publishing.round_trip",
    "trainers.sft",
    "transformers.models.auto.modeling_auto",
    "trl",
)
"""What training imports, which takes seconds."""
AGAIN = ("trueup.", "harness.evaluate.runner.worker.")
"""Packages whose asserts pytest rewrites when a plug-in is named: they are imported by the child itself."""
ROOM = 1 << 20
"""Bytes of a request: a command and an environment."""


class Forked:
    """A child like one of `subprocess.Popen`: `pid`, `stdin`, `poll` and `wait`."""

    def __init__(self, pid: int, stdin: int, says: socket.socket) -> None:
        self.pid, self.stdin, self._says = pid, os.fdopen(stdin, "wb"), says
        self._code: int | None = None
        weakref.finalize(self, says.close)

    def wait(self, timeout: float | None = None) -> int:
        try:
            if self._code is None:
                if not connection.wait([self._says], timeout):
                    raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
                self._code = int(self._says.recv(64, socket.MSG_PEEK))
                self._says.close()  # thousands of children are started in one process
        except (OSError, ValueError):  # another thread was told, and closed it
            if self._code is None:
                raise
        return self._code

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None


class Children:
    """What stands in for `harness.core.worker.start` while tests run."""

    def __init__(self) -> None:
        self._light, self._heavy, self.started = Forks(LIGHT), Forks((*LIGHT, *HEAVY)), worker.start
        self._executable = sys.executable

    def start(self, command: Sequence[str], descriptor: int, output: int, env: dict[str, str]) -> Any:
        forks = self._heavy if _trains(command) else self._light
        if command[0] != self._executable or not forks.alike(env):
            return self.started(command, descriptor, output, env)
        return forks.start(command, descriptor, output, env)

    def close(self) -> None:
        self._light.close()
        self._heavy.close()


def _trains(command: Sequence[str]) -> bool:
    """Whether the child needs torch."""
    _, _, _, module, *arguments = command
    if module != "pytest":
        return any(name.startswith(("harness.tune.", "trainers.")) for name in (module, *arguments))
    file = Path(arguments[arguments.index("--trueup-request") + 1])
    return any(arm.backend == "hf" for arm in read(file, EvalRequest).arms)


class Forks:
    """The process that is forked, started when the first child is."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules, self._lock = modules, threading.Lock()
        self._line: socket.socket | None = None
        self._python = _python(dict(os.environ))

    def start(self, command: Sequence[str], descriptor: int, output: int, env: dict[str, str]) -> Forked:
        """Run `python -P -m MODULE ARGUMENTS DESCRIPTOR`; what it writes goes to `output`."""
        with self._lock:
            self._line = self._line or self._process()
        asked = {"command": command[3:-1], "env": env, "cwd": os.getcwd()}
        (read, write), (here, there) = os.pipe(), socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            socket.send_fds(self._line, [json.dumps(asked).encode()], [read, output, descriptor, there.fileno()])
        finally:
            os.close(read)
            there.close()
        return Forked(int(here.recv(64)), write, here)

    def _process(self) -> socket.socket:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-P", __file__, str(there.fileno()), *self._modules],
                pass_fds=[there.fileno()],
                env={**os.environ, **FIXED},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            here.close()
            raise
        finally:
            there.close()
        return here

    def alike(self, env: dict[str, str]) -> bool:
        """Whether Python would start in `env` as it did here."""
        return _python(env) == self._python

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._child.wait()


def _python(env: dict[str, str]) -> dict[str, str]:
    """What Python and the libraries read when they start."""
    names = ("PYTHON", "HF_", "TRANSFORMERS_", "OMP_", "MKL_", "LD_")
    return {name: value for name, value in env.items() if name.startswith(names) and name not in FIXED}


# ---------------------------------------------------------------- in the process that is forked


def serve(line: socket.socket) -> dict[str, Any]:
    """Fork for each request until nobody asks any more. Returns in the children, with what they shall run."""
    import gc

    gc.collect()
    gc.freeze()  # pages that the collector would touch are shared
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        for ready in connection.wait([line, *running]):
            if ready is line:
                text, given, _, _ = socket.recv_fds(line, ROOM, 4)
                if not text:
                    sys.exit()
                *files, last = given
                says = socket.socket(fileno=last)
                pid = os.fork()
                if not pid:
                    for descriptor, (_, other) in running.items():
                        os.close(descriptor)
                        other.close()
                    line.close()
                    says.close()
                    return {**json.loads(text), "files": files}
                for file in files:
                    os.close(file)
                says.send(b"%d" % pid)
                running[os.pidfd_open(pid)] = pid, says
            else:
                pid, says = running.pop(ready)
                os.close(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                with contextlib.suppress(OSError):
                    says.send(b"%d" % code)
                says.close()


def become(asked: dict[str, Any]) -> str:
    """Be the child that was asked for: its group, files, environment, folder and arguments; the module to run."""
    stdin, output, descriptor = asked["files"]
    module, *arguments = asked["command"]
    os.setsid()
    for source, target in ((stdin, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(stdin)
    os.close(output)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    sys.argv = [module, *arguments, str(descriptor)]
    for name in [name for name in sys.modules if name == module or f"{name}.".startswith(AGAIN)]:
        if not (name == module and hasattr(sys.modules[name], "__path__")):  # of a package, `__main__` is run
            del sys.modules[name]
    return module


def main() -> None:
    line, *modules = sys.argv[1:]
    for module in modules:
        importlib.import_module(module)
    runpy.run_module(become(serve(socket.socket(fileno=int(line)))), run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
