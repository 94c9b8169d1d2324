"""Start a child process, exchange messages with it, and leave nothing of it behind.

    with Worker("harness.core.engines.local", FOLDER) as child:       in the parent
        child.send(encode(request))
        answer = child.result(on_event)

    parent = worker.parent()                                               in the child
    parent.perform(lambda: work(next(parent.requests())))

Requests are JSON lines on the child's standard input. Messages are JSON lines on a pipe of their own, whose descriptor is
the last argument of the command, so nothing that a library prints is taken for one. A child leads a process group of its
own. The group is killed when the parent is done with it, and kills itself when nobody reads the pipe any more, which the
system notices even for a parent that was killed.
"""

import contextlib
import errno
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeGuard

import msgspec

from harness import errors
from harness.core.quiet import hush
from harness.errors import TrueupError
from harness.types import Noun

FIXED = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONHASHSEED": "0",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}
"""Nothing is fetched, sets have one order, and of pytest's plug-ins only those that are named (`-p NAME`) join in: others
may shuffle or split the tests, and several take seconds to load."""
NAMED = "TRUEUP_SECRETS"
"""Variable with the names, separated by commas, of further secrets that children inherit."""
SCRATCH = "TRUEUP_SCRATCH"
"""Variable with the folder in which a child may leave logs."""
DEFAULT_KEY = "OPENAI_API_KEY"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a system reports when there is no room for a file."""
GRACE = 5.0
"""Seconds in which a child that is no longer needed may end by itself."""
_SECRET = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|KEY)(_|$)", re.IGNORECASE)
_TAIL = 4000
"""Bytes at the end of a child's output that are read when it dies."""


class ChildEvent(Noun, frozen=True, tag="event"):
    """Something that happened on the way; the job goes on."""

    data: msgspec.Raw


class ChildResult(Noun, frozen=True, tag="done"):
    """The answer to a request."""

    data: msgspec.Raw


class ChildError(Noun, frozen=True, tag="failed"):
    """A TrueupError of the child, to be raised again in the parent."""

    error: str
    """Class name in `harness.errors`."""
    what: str
    where: str = ""
    next: str = ""

    @classmethod
    def of(cls, error: BaseException) -> "ChildError":
        """The message for an exception: a full disk is a StorageError; what nobody foresaw is named by its class."""
        if isinstance(error, TrueupError):
            known = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
            return cls(known.__name__, error.what, error.where, error.next)
        if is_full_disk(error):
            then = "free space, then run the same command again"
            return cls("StorageError", f"cannot write: {error.strerror}", str(error.filename or ""), then)
        return cls("TrueupError", f"{type(error).__name__}: {error}")

    def again(self) -> TrueupError:
        kind: type[TrueupError] = getattr(errors, self.error)
        return kind(self.what, where=self.where, next=self.next)


ChildMessage = ChildEvent | ChildResult | ChildError
Death = Callable[[int, str], TrueupError]
"""Exit code (negative: the signal) and the end of the output, to the error that the parent raises."""

_decoder = msgspec.json.Decoder(ChildMessage)


def is_secret(name: str) -> bool:
    """Whether an environment variable of this name holds a key: a child gets it only when its job names it."""
    return _SECRET.search(name) is not None


def environment(secrets: Sequence[str] = (), **more: str) -> dict[str, str]:
    """The environment of every child: the caller's, offline, without its secrets but those that are named.

    `secrets` are names of variables that the job needs; the user names further ones in TRUEUP_SECRETS. `more` is added.
    """
    named = {*secrets, *(name.strip() for name in os.environ.get(NAMED, "").split(","))}
    kept = {name: value for name, value in os.environ.items() if name in named or not is_secret(name)}
    return kept | FIXED | more


def endpoint_key(options: Mapping[str, Any]) -> str:
    """Name of the variable with the key of the endpoint that `options` describe; empty when they describe none."""
    return str(options.get("key_env") or (DEFAULT_KEY if options.get("url") else ""))


def is_full_disk(error: BaseException) -> TypeGuard[OSError]:
    """True for an error by which a system says that there is no room for a file."""
    return isinstance(error, OSError) and error.errno in FULL


def died(code: int, output: str) -> TrueupError:
    """The error of a child that ended without an answer."""
    if code == -signal.SIGKILL:
        return TrueupError(
            "the job's process was killed, most likely because memory ran out",
            next="give it more memory or a smaller batch_size; the same command continues where it was",
        )
    return TrueupError(f"the job's process ended with code {code}", where=output.rpartition("\n")[2])


def start(command: Sequence[str], descriptor: int, output: int, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a program that leads a group of its own, reads from a pipe, inherits `descriptor` and writes to `output`."""
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        pass_fds=(descriptor,),
        start_new_session=True,
        env=env,
    )


def run(command: Sequence[str]) -> tuple[int, str]:
    """Run a program to its end: its exit code and all that it printed. It gets no secret of the environment."""
    env = environment()
    output, merged = subprocess.PIPE, subprocess.STDOUT
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=merged, env=env, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


class Worker:
    """A child process `python -P -m MODULE ARGUMENTS DESCRIPTOR`. Use it in a `with`, or close it.

    Its output goes to the file `log`, else to one that is read only when it dies; `death` makes the error then.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        secrets: Sequence[str] = (),
        more: Mapping[str, str] | None = None,
        log: Path | None = None,
        death: Death = died,
    ) -> None:
        self._death = death
        reader, writer = os.pipe()
        self._messages = open(reader, "rb")  # noqa: SIM115 - closed with the child
        self._output = open(log, "w+b") if log else tempfile.TemporaryFile()  # noqa: SIM115 - likewise
        try:
            command = [sys.executable, "-P", "-m", module, *arguments, str(writer)]
            self._child = start(command, writer, self._output.fileno(), environment(secrets, **(more or {})))
        except BaseException:
            self._messages.close()
            self._output.close()
            raise
        finally:
            os.close(writer)

    def send(self, request: bytes) -> None:
        """Send a request, given as JSON. A child that has died is noticed when its answer is read."""
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.write(_line(request))
            self._child.stdin.flush()

    def end_requests(self) -> None:
        """Tell the child that no further request comes."""
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()

    def __iter__(self) -> Iterator[ChildMessage]:
        """Messages as they come, until the child ends. A last one that was cut off is left out."""
        for line in self._messages:
            if line.endswith(b"\n"):
                yield _decoder.decode(line)

    def result(self, on_event: Callable[[bytes], None] = lambda data: None) -> bytes:
        """JSON of the next result; `on_event` gets that of each event before it.

        Raises the child's own TrueupError, or the one that `death` makes when the child ended without an answer.
        """
        for message in self:
            if isinstance(message, ChildEvent):
                on_event(bytes(message.data))
            elif isinstance(message, ChildResult):
                return bytes(message.data)
            else:
                raise message.again()
        raise self.death()

    def wait(self) -> int:
        """The child's exit code, once it has ended; minus the signal that killed it."""
        return self._child.wait()

    def ended(self) -> bool:
        """Whether the child has ended."""
        return self._child.poll() is not None

    def death(self) -> TrueupError:
        """Why the child ended, with the end of its output."""
        code = self.wait()
        self._output.seek(max(0, self._output.seek(0, os.SEEK_END) - _TAIL))
        return self._death(code, self._output.read().decode(errors="replace").strip())

    def kill(self) -> None:
        """Kill what is left of the child's group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # the latter on macOS, for a group of zombies
            os.killpg(self._child.pid, signal.SIGKILL)

    def close(self, grace: float = GRACE) -> None:
        """Let the child end by itself for `grace` seconds, then leave nothing of its group running."""
        try:
            if grace:
                self.end_requests()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._child.wait(grace)
        finally:
            self.kill()
            self._child.wait()
            self.end_requests()
            self._messages.close()
            self._output.close()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close(GRACE if error is None else 0.0)


# ---------------------------------------------------------------- in the child


class Parent:
    """The process that started this one: its requests come in, messages go out. This process ends when it does."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._sending = descriptor, threading.Lock()
        os.set_inheritable(descriptor, False)
        threading.Thread(target=_end_with_reader, args=(descriptor,), daemon=True).start()

    def requests(self) -> Iterator[bytes]:
        """JSON of each request, until no further one comes. Whatever else reads standard input finds it empty."""
        with os.fdopen(os.dup(0), "rb") as lines, open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
            yield from lines

    def event(self, data: bytes) -> None:
        """Send the JSON of an event."""
        self._send(ChildEvent(msgspec.Raw(_flat(data))))

    def result(self, data: bytes) -> None:
        """Send the JSON of a request's answer."""
        self._send(ChildResult(msgspec.Raw(_flat(data))))

    def failed(self, error: BaseException) -> None:
        """Send an exception, to be raised in the parent as the TrueupError that it is or becomes."""
        self._send(ChildError.of(error))

    def perform(self, job: Callable[[], bytes]) -> None:
        """Run a job and send its result, or its TrueupError; a full disk is one. Any other exception is raised."""
        try:
            answer = job()
        except (TrueupError, OSError) as error:
            if isinstance(error, OSError) and not is_full_disk(error):
                raise
            self.failed(error)
        else:
            self.result(answer)

    def _send(self, message: ChildMessage) -> None:
        """Write all of a message; a pipe may take it in parts."""
        rest = memoryview(_line(msgspec.json.encode(message)))
        with self._sending:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]


def parent() -> Parent:
    """The parent of this process, by the last argument of its command."""
    hush()
    return Parent(int(sys.argv[-1]))


def keep(command: Sequence[str], variables: Mapping[str, str], above: Parent) -> int:
    """Run a program in this process's group until it ends, and ask it to end when no further request comes; its exit code.

    A program that cannot be started is one that ended with 127, with the reason in the output.
    """
    try:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=dict(variables))
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 127

    def end() -> None:
        for _ in above.requests():
            pass
        program.terminate()

    threading.Thread(target=end, daemon=True).start()
    return program.wait()


def _line(data: bytes) -> bytes:
    return _flat(data) + b"\n"


def _flat(data: bytes) -> bytes:
    """JSON on one line: inside a string a line break is escaped, so all others are white space."""
    return data.replace(b"\n", b" ")


def _end_with_reader(descriptor: int) -> None:
    """Wait until nobody reads the pipe any more, then end this process and all that it started."""
    poll = select.poll()
    poll.register(descriptor, 0)  # errors are always reported
    while not any(event & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, event in poll.poll()):
        pass
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
