"""Train one adapter in several processes of one machine, as `[engine] processes` says.

Each runs the recipe's own code and takes its share of every step's rows, see `trainers.training.processes`. They find one another by the
variables that `torchrun` and `accelerate launch` set too. The first tells, and gives the adapter.
"""

import os
import socket
from contextlib import ExitStack
from pathlib import Path

from harness.core.codec import decode, encode
from harness.core.crew import EngineTask, Tell
from harness.core.engines.local import named
from harness.core.worker import Worker
from harness.tune import jobs
from harness.tune.jobs import SharedTraining
from harness.types import TuneRequest

LOCAL = "harness.core.engines.local"
MEMBER = "harness.tune.together:member"


def train(request: bytes, folder: Path, tell: Tell) -> bytes:
    """Train the adapter of a `SharedTraining`; its events are those of `harness.tune.jobs.train`."""
    wanted = decode(request, SharedTraining)
    task, port = EngineTask(MEMBER, encode(wanted.request)), _free_port()
    with ExitStack() as stack:
        members = [
            stack.enter_context(
                Worker(
                    LOCAL,
                    str(folder),
                    secrets=tuple(os.environ),
                    more=_variables(number, wanted.processes, port),
                )
            )
            for number in range(wanted.processes)
        ]
        for member in members:
            member.send(named(task))
        return members[0].result(tell)


def member(request: bytes, folder: Path, tell: Tell) -> bytes:
    """What one of the processes does."""
    from accelerate import PartialState  # it brings torch, which who starts the processes does not need

    jobs.check_shared(decode(request, TuneRequest), int(os.environ["WORLD_SIZE"]))
    state = PartialState()
    try:
        return jobs.train(request, folder, tell)
    finally:
        state.destroy_process_group()


def _variables(number: int, count: int, port: int) -> dict[str, str]:
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, len(os.sched_getaffinity(0)) // count))
    rank = {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
    return {**rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": threads}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
