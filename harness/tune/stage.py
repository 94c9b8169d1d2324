"""Tune a dataset and a recipe into an adapter, by a task of an engine."""

import os
from collections.abc import Callable
from pathlib import Path

from harness.core import crew
from harness.core.adapters import HOSTED
from harness.core.adapters import read_manifest as read_manifest
from harness.core.codec import decode, encode
from harness.core.crew import EngineTask
from harness.tune.jobs import Point, SharedTraining
from harness.types import Adapter, CurvePoint, EngineSettings, Estimate, Preview, TuneRequest

OnPoint = Callable[[CurvePoint, int], None]


def tune(request: TuneRequest, *, on_point: OnPoint | None = None, engine: EngineSettings = crew.LOCAL) -> Adapter:
    """The adapter of `request`, in the folder `request.out`: complete, or absent.

    `on_point` gets every point of the training curve as it comes, with the number of steps there will be. A training
    that was killed goes on from its newest checkpoint when the same request comes again; on a cluster when its worker is lost, so
    the base, the dataset and the folder of `request.out` have to be where all workers see them. Raises what the trainer
    raises: InputError on data or a model that cannot be used, InvalidError on a held-out row among the training rows
    or a training that went wrong, StorageError on a full disk.
    """

    def on_event(data: bytes) -> None:
        if on_point is not None:
            event = decode(data, Point)
            on_point(event.point, event.steps)

    secrets = tuple(os.environ) if request.evals else request.secrets  # eval files get the user's whole environment
    job, data = "harness.tune.jobs:train", encode(request)
    if engine.processes > 1:
        job, data = "harness.tune.together:train", encode(SharedTraining(request, engine.processes))
    task = EngineTask(job, data, secrets=secrets, gpus=True, live=True)
    return decode(crew.result(engine, task, on_event, _places(request)), Adapter)


def _places(request: TuneRequest) -> list[str]:
    """Files and folders that the training reads and writes."""
    base = [request.base] if request.recipe.method != HOSTED else []
    base += [request.teacher.model] if request.teacher and os.path.isdir(request.teacher.model) else []
    return [*base, request.dataset, str(Path(request.out).parent), *request.evals]


def cancel(request: TuneRequest) -> str:
    """Cancel the job that a provider runs for this request; returns its status.

    Raises UsageError when the recipe's method runs no jobs, InputError when none was started.
    """
    return decode(_here("cancel", encode(request), request.secrets), str)


def preview(request: TuneRequest, count: int) -> Preview:
    """`count` rows as they would be trained, token by token, and the fate of all cases. Trains nothing."""
    return decode(_here("preview", encode((request, count))), Preview)


def estimate(request: TuneRequest, processes: int = 1) -> Estimate:
    """Steps, tokens, time and memory of a training, from a few trial steps of one process on this machine. Writes nothing.

    Raises UsageError where the recipe does not train in several `processes`."""
    return decode(_here("estimate", encode(SharedTraining(request, processes))), Estimate)


def _here(job: str, request: bytes, secrets: tuple[str, ...] = ()) -> bytes:
    """What a job gives in a process of this machine. These tell nothing on their way."""
    return crew.result(crew.LOCAL, EngineTask(f"harness.tune.jobs:{job}", request, secrets=secrets))
