"""Hand tasks to an engine: each a job by name with a plain request, on this machine or on a cluster.

    with crew.opened(settings) as workers:
        for message in workers.run([EngineTask("harness.ingest.shared:cut", encode(job))]):
            ...

A job is a function `job(request, folder, tell) -> bytes`. It takes the bytes of its request, may tell events on its way, and gives
the bytes of its result. So it need not know where it runs, and an engine need not know what it runs. In `folder` it finds the
files that its task reads, under their names, and leaves those that later tasks of the crew read: that is how a shuffle goes
through an engine.
"""

import importlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

from harness.core import plugins
from harness.core.codec import digest, known_digest
from harness.core.protocols import Crew, EngineMessage, EngineTask
from harness.errors import TrueupError, UsageError
from harness.types import EngineSettings

__all__ = ["Crew", "EngineMessage", "EngineTask"]

Tell = Callable[[bytes], None]
Job = Callable[[bytes, Path, Tell], bytes]
PACKAGES = ("harness", "trainers", "reports")
LOCAL = EngineSettings()


def check(settings: EngineSettings) -> None:
    """Raises UsageError on an engine that there is not."""
    plugins.load("engines", settings.kind)


def opened(settings: EngineSettings, slots: int = 0) -> AbstractContextManager[Crew]:
    """The crew of an engine; `slots` tasks at once, 0: as many as the engine has room for.

    Raises UsageError for an engine that does not exist, and what the engine raises when it cannot be reached.
    """
    return plugins.load("engines", settings.kind).open(settings, slots)


def result(
    settings: EngineSettings, task: EngineTask, on_event: Tell = lambda data: None, places: Sequence[str] = ()
) -> bytes:
    """Run one task and give its result; `on_event` gets what it tells. `places` are what it needs to see, see `Crew.require`."""
    with opened(settings, 1) as workers:
        workers.require(places)
        for message in workers.run([task]):
            if message.is_result:
                return message.data
            on_event(message.data)
    raise TrueupError(f"the engine {settings.kind!r} gave no result", where=task.job)


def job(name: str) -> Job:
    """The function of a job, `package.module:function`. Raises UsageError when there is none."""
    module, _, function = name.partition(":")
    found: Any = getattr(importlib.import_module(module), function, None)
    if not callable(found):
        raise UsageError(f"there is no job named {name!r}", next="report it")
    made: Job = found
    return made


@cache
def source_digest() -> str:
    """SHA-256 over all Python files of trueup: two machines with the same one run the same code."""
    roots = [Path(str(importlib.import_module(name).__file__)).parent for name in PACKAGES]
    files = [(root, file) for root in roots for file in sorted(root.rglob("*.py"))]
    return digest([[f"{root.name}/{file.relative_to(root).as_posix()}", known_digest(file)] for root, file in files])
