"""Run tasks in child processes of this machine, as many at once as there are slots.

A child of its own keeps heavy packages out of the caller, gives all memory back when it ends, and can be killed without harm.
It is a fresh interpreter, so the caller's threads and its `__main__` do not matter. It inherits the keys that its task names. Only
light tasks share one, see `EngineTask`.

    python -P -m harness.core.engines.local FOLDER 5       in the child, which a `Worker` starts; each request names its job
"""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import msgspec

from harness.core import crew, worker
from harness.core.codec import decode
from harness.core.crew import EngineMessage, EngineTask, Tell
from harness.core.worker import Worker
from harness.errors import TrueupError
from harness.types import EngineSettings


@contextmanager
def open(settings: EngineSettings, slots: int = 0) -> Iterator["LocalCrew"]:
    """Children of this process. The folder that their tasks share is readable by its owner only, and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="trueup-") as folder:
        os.chmod(folder, 0o700)
        made = LocalCrew(Path(folder), slots or len(os.sched_getaffinity(0)))
        try:
            yield made
        finally:
            made.close()


class LocalCrew:
    """Threads, each with a child at a time."""

    def __init__(self, folder: Path, slots: int) -> None:
        self._folder, self._slots = folder, slots
        self._idle: dict[tuple[str, ...], list[Worker]] = {}
        """Keys to the children that have them and wait for a light task."""

    def slots(self, gpus: bool = False) -> int:
        return self._slots

    def require(self, places: Sequence[str]) -> None:
        """What is on this machine, its children see."""

    def share(self, name: str, place: Path) -> None:
        (self._folder / name).symlink_to(place.resolve())

    def run(self, tasks: Sequence[EngineTask]) -> Iterator[EngineMessage]:
        """Messages as they come. A task that fails ends all, and nothing is left running when the caller stops listening."""
        queue: SimpleQueue[EngineMessage | TrueupError] = SimpleQueue()
        children = _Children()
        pool = ThreadPoolExecutor(min(self._slots, len(tasks)) or 1, thread_name_prefix="trueup-task")
        try:
            for number, task in enumerate(tasks):
                pool.submit(self._perform, number, task, children, queue)
            running = len(tasks)
            while running:
                message = queue.get()
                if isinstance(message, TrueupError):
                    raise message
                running -= message.is_result
                yield message
        finally:
            children.kill()
            pool.shutdown(cancel_futures=True)

    def _perform(
        self, number: int, task: EngineTask, children: "_Children", queue: "SimpleQueue[EngineMessage | TrueupError]"
    ) -> None:
        try:
            with self._child(task) as child, children.running(child):
                child.send(named(task))
                made = child.result(lambda data: queue.put(EngineMessage(number, data, False)))
            queue.put(EngineMessage(number, made, True))
        except TrueupError as error:
            queue.put(error)
        except BaseException as error:
            queue.put(TrueupError(f"a task could not be run: {type(error).__name__}: {error}", where=task.job))
            raise

    @contextmanager
    def _child(self, task: EngineTask) -> Iterator[Worker]:
        """A child for the task. One that did a light task without an error is kept for the next."""
        idle = self._idle.setdefault(task.secrets, [])
        try:
            child = idle.pop() if task.light else self._new(task)
        except IndexError:  # none waits, or another task has just taken it
            child = self._new(task)
        with ExitStack() as closing:
            closing.push(child)
            yield child
            if task.light:
                idle.append(child)
                closing.pop_all()

    def _new(self, task: EngineTask) -> Worker:
        return Worker(__name__, str(self._folder), secrets=task.secrets)

    def close(self) -> None:
        for children in self._idle.values():
            for child in children:
                child.close()


class _Children:
    """The children that run now, so that all can be ended."""

    def __init__(self) -> None:
        self._running: list[Worker] = []
        self._ended, self._lock = False, threading.Lock()

    @contextmanager
    def running(self, child: Worker) -> Iterator[None]:
        with self._lock:
            self._running.append(child)
            if self._ended:
                child.kill()
        try:
            yield
        finally:
            with self._lock:
                self._running.remove(child)

    def kill(self) -> None:
        with self._lock:
            self._ended = True
            for child in self._running:
                if not child.ended():
                    child.kill()


def named(task: EngineTask) -> bytes:
    """What a child is sent: the job, and its request."""
    return msgspec.json.encode((task.job, msgspec.Raw(task.request)))


def main(folder: str) -> None:
    """In the child: read requests, run their jobs, answer."""
    parent = worker.parent()
    for line in parent.requests():
        parent.perform(partial(_done, line, Path(folder), parent.event))


def _done(line: bytes, folder: Path, tell: Tell) -> bytes:
    job, request = decode(line, tuple[str, msgspec.Raw])
    return crew.job(job)(bytes(request), folder, tell)


if __name__ == "__main__":
    main(sys.argv[1])
