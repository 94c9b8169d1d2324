"""Do the work of a recipe in a task of an engine: train, preview, estimate, cancel. See `harness.core.crew` for what a job is."""

from collections.abc import Callable
from pathlib import Path

from harness.core import plugins
from harness.core.codec import decode, encode
from harness.core.crew import Tell
from harness.errors import UsageError
from harness.types import CurvePoint, Json, Noun, TuneRequest


class Point(Noun, frozen=True):
    """Event of a training: one point of its curve, and how many steps there will be."""

    point: CurvePoint
    steps: int


class SharedTraining(Noun, frozen=True):
    """A training, and how many processes do it."""

    request: TuneRequest
    processes: int


def check_shared(request: TuneRequest, processes: int) -> None:
    """Raises UsageError on a recipe that does not know how to share its work, since each process would do all of it, and where
    there are GPUs, but fewer than processes."""
    method = request.recipe.method
    if processes == 1:
        return
    if not getattr(plugins.load("trainers", method), "SHARED", False):
        raise UsageError(
            f"method {method!r} trains in one process",
            where="[engine] processes",
            next='set processes = 1 under [engine], or method = "sft" under [tune]',
        )
    import torch  # which the recipe has imported by now

    if 0 < torch.cuda.device_count() < processes:
        raise UsageError(
            f"{processes} processes need {processes} GPUs, and there are {torch.cuda.device_count()}",
            where="[engine] processes",
            next=f"set processes = {torch.cuda.device_count()}",
        )


def train(request: bytes, folder: Path, tell: Tell) -> bytes:
    """Train the adapter of a `TuneRequest`; its events are `Point`s."""
    wanted = decode(request, TuneRequest)
    trainer = plugins.load("trainers", wanted.recipe.method)
    return encode(trainer.train(wanted, lambda point, steps: tell(encode(Point(point=point, steps=steps)))))


def preview(request: bytes, folder: Path, tell: Tell) -> bytes:
    """So many rows of a `TuneRequest` as they would be trained."""
    wanted, count = decode(request, tuple[TuneRequest, int])
    return encode(plugins.load("trainers", wanted.recipe.method).preview(wanted, count))


def estimate(request: bytes, folder: Path, tell: Tell) -> bytes:
    """What the training of a `SharedTraining` would take. Raises UsageError on a recipe that trains in one process only."""
    wanted = decode(request, SharedTraining)
    check_shared(wanted.request, wanted.processes)
    return encode(plugins.load("trainers", wanted.request.recipe.method).estimate(wanted.request))


def cancel(request: bytes, folder: Path, tell: Tell) -> bytes:
    """Raises UsageError when the method runs no jobs elsewhere: cancelling is what a trainer may leave out."""
    wanted = decode(request, TuneRequest)
    method = wanted.recipe.method
    stop: Callable[[TuneRequest], Json] | None = getattr(plugins.load("trainers", method), "cancel", None)
    if stop is None:
        raise UsageError(f"the method {method!r} runs no jobs elsewhere", next="stop it with Ctrl-C: it resumes")
    return encode(stop(wanted))
