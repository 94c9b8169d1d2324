"""Spread an evaluation over the tasks of an engine, each with a base of its own, and merge their runs as one.

Cases are dealt as `--shard` deals them, so the merged run has the content of a run that was not spread. A task keeps its replies
in a folder of its own beside the reply cache, where all nodes see it. So a task that is begun again after its worker was lost
recalls what was answered, and so does the next command after this one was killed.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from harness.core import crew
from harness.core.codec import decode, encode
from harness.core.crew import EngineTask
from harness.evaluate.runner import sharding
from harness.types import Arm, EngineSettings, EvalRequest, Run

PARTS = "parts"
"""Folder of the reply cache with the folders of the tasks."""

Event = dict[str, Any]


def evaluate(request: EvalRequest, engine: EngineSettings, on_event: Callable[[Event], None]) -> tuple[Run, ...]:
    """One run for each arm, as `stage.evaluate` gives them.

    Raises InputError when a worker does not see a file that the evaluation reads.
    """
    with crew.opened(engine) as workers, _joined(request.replies):
        workers.require(_places(request))
        count = workers.slots(gpus=True) if _is_divisible(request) else 1
        parts = [_part(request, number, count) for number in range(1, count + 1)]
        own = tuple(os.environ)  # the whole environment: eval files are the user's own code
        tasks = [
            EngineTask("harness.evaluate.part:ask", encode(part), secrets=own, gpus=True, live=True) for part in parts
        ]
        runs: dict[int, tuple[Run, ...]] = {}
        progress = _Progress(len(tasks), on_event)
        for message in workers.run(tasks):
            if message.is_result:
                runs[message.number] = decode(message.data, tuple[Run, ...])
            else:
                progress.hear(message.number, decode(message.data, Event))
    return tuple(sharding.merge(of_arm) for of_arm in zip(*(runs[n] for n in sorted(runs)), strict=True))


def _is_divisible(request: EvalRequest) -> bool:
    """Not what is a part already; nor what is exported as one trace, or paid from one purse."""
    return not (request.shard or request.otel or request.cost.most)


def _part(request: EvalRequest, number: int, count: int) -> EvalRequest:
    """A part of the cases, with a cache of its own."""
    shard = f"{number}/{count}" if count > 1 else request.shard
    if not request.replies:
        return replace(request, shard=shard)
    own = Path(request.replies) / PARTS / f"{number}-{count}"
    return replace(request, shard=shard, replies=str(own), recalled=request.replies)


def _places(request: EvalRequest) -> list[str]:
    """Files and folders that the tasks read, and where they keep replies."""
    arms = [place for arm in (*request.arms, *request.judges) for place in _of_arm(arm)]
    paths = [path.partition("::")[0] for path in request.paths]
    return [*paths, *arms, *request.datasets.values(), request.root, request.replies, request.cases]


def _of_arm(arm: Arm) -> list[str]:
    """Its model where that is a folder or a file here, and its adapter."""
    return [place for place in (arm.model, arm.adapter) if os.path.exists(place)]


@contextmanager
def _joined(replies: str) -> Iterator[None]:
    """Put what tasks have answered into the cache: now those of a command that was killed, at the end those of this one."""
    if not replies:
        yield
        return
    Path(replies).mkdir(parents=True, exist_ok=True)
    _join(Path(replies))
    try:
        yield
    finally:
        _join(Path(replies))


def _join(replies: Path) -> None:
    from harness.store.replies import join, lines  # it brings the whole store, and Delta Lake, with it

    for file in sorted((replies / PARTS).glob("*/*.jsonl")):
        join(replies / file.name, dict(lines(file)))
    shutil.rmtree(replies / PARTS, ignore_errors=True)


class _Progress:
    """Tells of all tasks as of one: cases of an arm are summed."""

    def __init__(self, tasks: int, on_event: Callable[[Event], None]) -> None:
        self._tasks, self._on_event = tasks, on_event
        self._cases: dict[str, dict[int, tuple[int, int]]] = {}
        """Arm to task to cases done and in all."""

    def hear(self, number: int, event: Event) -> None:
        kind = event["event"]
        if kind not in ("start", "case"):
            self._on_event(event)
            return
        known = self._cases.setdefault(event["arm"], {})
        known[number] = (event.get("done", 0), event["total"])
        if len(known) == self._tasks:
            done, total = (sum(column) for column in zip(*known.values(), strict=True))
            self._on_event({**event, "total": total, **({"done": done} if kind == "case" else {})})
