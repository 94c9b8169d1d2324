"""Run tasks on a Ray cluster; each in a child process of the node that it is given to, as on this machine. A light task without
keys is done by the Ray worker itself.

    [engine]
    kind = "ray"
    address = "10.0.0.5:6379"

A task whose events can wait is repeated by Ray when its worker or its node is lost, and what it had left for others is made
again; the caller gets its events once. A live task is begun again here. Files go through Ray's object store, which spills to the
disks of the nodes. Before anything runs, every node is asked which trueup it has. Ray Core's tasks and streaming generators:
https://docs.ray.io/en/latest/ray-core/tasks.html.
"""

import io
import os
import socket
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from harness.core import crew
from harness.core.crew import EngineMessage, EngineTask
from harness.core.engines.local import named
from harness.core.worker import NAMED, ChildError, ChildEvent, Worker, is_full_disk, is_secret
from harness.errors import InputError, InvalidError, TrueupError, UsageError
from harness.types import EngineSettings

ANSWER_S = 60.0
"""Seconds in which a node has to answer."""
LOST = 3
"""How often a task is begun again after its worker was lost."""
START = "start one with: ray start --head; or correct [engine] address"
SUBMIT = "run trueup on a machine of the cluster, such as: ray job submit --working-dir . -- trueup run"
ALIKE = "install the same trueup on all nodes, in their image or their environment"

EVENT, DONE, FAILED = "event", "done", "failed"
Said = tuple[str, bytes]
"""Kind of a message of a task, and its JSON: of an event, of the result, or of a `ChildError`."""


@contextmanager
def open(settings: EngineSettings, slots: int = 0) -> Iterator["RayCrew"]:
    """Tasks of the cluster. Raises InputError when it does not answer, InvalidError when a node has another trueup, UsageError
    when it has no room for a task."""
    _connect(settings.address or os.environ.get("RAY_ADDRESS", ""))
    try:
        made = RayCrew(settings, slots)
        made.check()
        yield made
    finally:
        ray.shutdown()


class _Files(NamedTuple):
    """What a task finds in its folder: the content of each name is an argument of its own, which Ray brings."""

    names: tuple[str, ...]
    folders: tuple[bool, ...]
    """Which of them were shared, and so are packed."""


class RayCrew:
    """The nodes of one cluster, and the files that tasks left or that were shared."""

    def __init__(self, settings: EngineSettings, slots: int) -> None:
        self._settings, self._wanted = settings, slots
        self._nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")}
        self._left: dict[str, Any] = {}
        self._shared: dict[str, Path] = {}

    def slots(self, gpus: bool = False) -> int:
        room = [self._room(node["Resources"], gpus) for node in self._nodes.values()]
        return self._wanted or sum(room)

    def _room(self, resources: Mapping[str, float], gpus: bool) -> int:
        wanted = {"CPU": self._settings.cpus_per_worker, "GPU": self._settings.gpus_per_worker if gpus else 0.0}
        return min(int(resources.get(name, 0.0) / count) for name, count in wanted.items() if count)

    def check(self) -> None:
        """Raises when a node has another trueup, or none, or when no task finds room."""
        for gpus in (False, True):
            if not any(self._room(node["Resources"], gpus) for node in self._nodes.values()):
                asked = (
                    f"{self._settings.cpus_per_worker:g} CPU" + gpus * f" and {self._settings.gpus_per_worker:g} GPU"
                )
                raise UsageError(
                    f"no node of the Ray cluster has {asked} for a task",
                    where="[engine]",
                    next="add such a node, or set cpus_per_worker and gpus_per_worker",
                )
        ours = crew.source_digest()
        for node, known in self._asked(()).items():
            if known["code"] != ours:
                has = known["version"] or "none that can be imported"
                other = f"trueup {has}" + " with other code" * (known["version"] == version("trueup"))
                raise InvalidError(
                    f"a node of the Ray cluster has another trueup: {other}; here it is {version('trueup')}",
                    where=node,
                    next=ALIKE,
                )

    def require(self, places: Sequence[str]) -> None:
        wanted = [os.path.abspath(place) for place in places if place]
        for node, known in self._asked(wanted).items() if wanted else ():
            if known["missing"]:
                raise InputError(
                    f"a node of the Ray cluster does not see {known['missing'][0]}",
                    where=node,
                    next="put it on a folder that all nodes mount at the same path, into their image, or name an address (s3://...)",
                )

    def _asked(self, places: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Node to its answer. The function goes there by value, since a node may have no trueup."""
        probe = ray.remote(num_cpus=0, max_retries=0)(_probe())
        asked = {
            f"node {node['NodeManagerAddress']} ({ident[:8]})": probe.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(ident, soft=False)
            ).remote(list(places))
            for ident, node in self._nodes.items()
        }
        try:
            return dict(zip(asked, ray.get(list(asked.values()), timeout=ANSWER_S), strict=True))
        except (GetTimeoutError, RayError) as error:
            what = f"a node of the Ray cluster does not answer: {_line(error)}"
            raise InputError(what, where=", ".join(asked), next="ray status; then run the same command again") from None

    def share(self, name: str, place: Path) -> None:
        self._shared[name] = place

    def run(self, tasks: Sequence[EngineTask]) -> Iterator[EngineMessage]:
        """Messages as they come. When the caller stops listening, what runs is cancelled."""
        running = {self._begun(task): number for number, task in enumerate(tasks)}
        losses = [0] * len(tasks)
        try:
            while running:
                (ready,), _ = ray.wait(list(running), num_returns=1)
                number = running.pop(ready)
                task = tasks[number]
                try:
                    messages, is_done = _told(ready, task)
                except RayError as error:
                    losses[number] += 1
                    _check_loss(error, losses[number], task)
                    running[self._begun(task)] = number
                    continue
                if not is_done:
                    running[ready] = number
                for kind, data in messages:
                    if kind == FAILED:
                        raise msgspec.json.decode(data, type=ChildError).again()
                    yield EngineMessage(number, data, kind == DONE)
        finally:
            for waiting in running:
                with suppress(RayError, ValueError, TypeError):
                    ray.cancel(waiting, force=True)

    def _begun(self, task: EngineTask) -> Any:
        """What to wait for: of a live task its stream, of another one its messages."""
        names = tuple(name for name in task.reads if name in self._shared or name in self._left)
        files = _Files(names, tuple(name in self._shared for name in names))
        blobs = [ray.put(_packed(self._shared[name])) if name in self._shared else self._left[name] for name in names]
        keys = {name: os.environ[name] for name in (*task.secrets, *_further()) if name in os.environ}
        wanted: dict[str, Any] = {"num_cpus": self._settings.cpus_per_worker}
        if task.gpus and self._settings.gpus_per_worker:
            wanted["num_gpus"] = self._settings.gpus_per_worker
        arguments = (task, files, keys, os.getcwd(), *blobs)
        if task.live:
            return ray.remote(num_returns="streaming", max_retries=0, **wanted)(live).remote(*arguments)
        returns = 1 + len(task.leaves)
        made = ray.remote(num_returns=returns, max_retries=LOST, **wanted)(kept).remote(*arguments)
        first, *left = made if task.leaves else [made]
        self._left.update(zip(task.leaves, left, strict=True))
        return first


def _told(ready: Any, task: EngineTask) -> tuple[list[Said], bool]:
    """The messages that are there, and whether no more come."""
    if not task.live:
        return ray.get(ready), True
    try:
        return [ray.get(next(ready))], False
    except StopIteration:
        return [], True


def _check_loss(error: RayError, times: int, task: EngineTask) -> None:
    """Raises the error that ends the command, when a task cannot be begun again."""
    if isinstance(error, RayTaskError):
        raise TrueupError(
            f"a task failed on the Ray cluster: {_line(error)}", where=task.job, next="report it"
        ) from None
    if not task.live or times > LOST:
        raise InvalidError(
            f"a task was lost on the Ray cluster {LOST + 1} times: {_line(error)}",
            where=task.job,
            next="see ray status and the memory of its nodes; then run the same command again: it resumes",
        ) from None


# ---------------------------------------------------------------- on a node


def kept(task: EngineTask, files: _Files, keys: dict[str, str], cwd: str, *blobs: bytes) -> Any:
    """Messages of a task, all at once, and the content of each file that it leaves."""
    with _desk(files, blobs, cwd) as folder:
        messages = list(_inside(task, folder) if task.light and not keys else _performed(task, folder, keys))
        left = [place.read_bytes() if (place := folder / name).exists() else b"" for name in task.leaves]
    return (messages, *left) if left else messages


def live(task: EngineTask, files: _Files, keys: dict[str, str], cwd: str, *blobs: bytes) -> Iterator[Said]:
    """Messages of a task as they come."""
    with _desk(files, blobs, cwd) as folder:
        yield from _performed(task, folder, keys)


def _inside(task: EngineTask, folder: Path) -> Iterator[Said]:
    """A light task, in the Ray worker itself."""
    said: list[Said] = []
    try:
        answer = crew.job(task.job)(task.request, folder, lambda data: said.append((EVENT, data)))
    except (TrueupError, OSError) as error:
        if isinstance(error, OSError) and not is_full_disk(error):
            raise
        yield FAILED, msgspec.json.encode(ChildError.of(error))
    else:
        yield from said
        yield DONE, answer


def _performed(task: EngineTask, folder: Path, keys: dict[str, str]) -> Iterator[Said]:
    more = {
        name: value for name, value in keys.items() if is_secret(name) or name not in os.environ
    }  # PATH is the node's
    with Worker("harness.core.engines.local", str(folder), more=more) as child:
        child.send(named(task))
        for message in child:
            if isinstance(message, ChildError):
                yield FAILED, msgspec.json.encode(message)
                return
            is_event = isinstance(message, ChildEvent)
            yield EVENT if is_event else DONE, bytes(message.data)
            if not is_event:
                return
        yield FAILED, msgspec.json.encode(ChildError.of(child.death()))


@contextmanager
def _desk(files: _Files, blobs: Sequence[bytes], cwd: str) -> Iterator[Path]:
    """The folder of a task, with what it reads in it. Relative paths mean there what they mean to the caller."""
    with suppress(OSError):
        os.chdir(cwd)
    with tempfile.TemporaryDirectory(prefix="trueup-") as place:
        folder = Path(place)
        for name, is_packed, blob in zip(files.names, files.folders, blobs, strict=True):
            if is_packed:
                with tarfile.open(fileobj=io.BytesIO(blob)) as archive:
                    archive.extractall(folder / name, filter="data")
            else:
                (folder / name).write_bytes(blob)
        yield folder


def _probe() -> Callable[[list[str]], dict[str, Any]]:
    """A function that says of a node which trueup it has, and which of some places it does not see."""

    def probe(places: list[str]) -> dict[str, Any]:
        import os

        known = {"version": "", "code": "", "missing": [place for place in places if not os.path.exists(place)]}
        try:
            from importlib.metadata import version

            from harness.core import crew

            known |= {"version": version("trueup"), "code": crew.source_digest()}
        except Exception as error:  # whatever is wrong with it, it is not ours
            known["code"] = f"{type(error).__name__}: {error}"
        return known

    return probe


# ---------------------------------------------------------------- small print


def _connect(address: str) -> None:
    if "://" in address:
        raise UsageError("trueup takes the address of a cluster's head, no Ray Client", where=address, next=SUBMIT)
    host, _, port = address.rpartition(":")
    if address and address != "auto":
        if not (host and port.isdecimal()):
            raise UsageError(
                f"not the address of a Ray cluster: {address!r}", next='address = "HOST:6379" under [engine]'
            )
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except (OSError, OverflowError) as error:
            raise InputError(f"no Ray cluster answers: {error}", where=address, next=START) from None
    try:
        ray.init(address=address or "auto", log_to_driver=False, logging_level="ERROR", configure_logging=True)
    except ConnectionError as error:
        raise InputError(
            f"no Ray cluster answers: {_line(error)}", where=address or "this machine", next=START
        ) from None
    except (RuntimeError, ValueError) as error:
        raise InputError(f"the Ray cluster cannot be used: {_line(error)}", where=address, next=SUBMIT) from None


def _packed(place: Path) -> bytes:
    """A folder as an archive, with what links in it lead to."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", dereference=True) as archive:
        archive.add(place.resolve(), arcname=".")
    return made.getvalue()


def _further() -> list[str]:
    """Names of secrets that the user names."""
    return [name.strip() for name in os.environ.get(NAMED, "").split(",") if name.strip()]


def _line(error: BaseException) -> str:
    """The last line of an error that says something: Ray's begin with where it happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if not isinstance(error, RayTaskError) else lines[-1])[:300] if lines else type(error).__name__
