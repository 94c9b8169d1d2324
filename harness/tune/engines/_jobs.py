"""Define the protocol between an engine and its process: jobs by name, and one JSON line a message.

A job takes the bytes of its request and a way to send events, and returns the bytes of its result. An engine carries
bytes only, so a job need not know where it runs, and a new engine need not know what it runs.
"""

from collections.abc import Callable

from harness import errors
from harness.core import plugins
from harness.core.codec import decode, encode
from harness.types import CurvePoint, Json, Noun, TuneRequest

Emit = Callable[[bytes], None]


class Point(Noun, frozen=True):
    """Event of a training job: one point of its curve, and how many steps there will be."""

    point: CurvePoint
    steps: int


def _tune(request: bytes, emit: Emit) -> bytes:
    wanted = decode(request, TuneRequest)
    trainer = plugins.load("trainers", wanted.recipe.method)
    return encode(trainer.train(wanted, lambda point, steps: emit(encode(Point(point=point, steps=steps)))))


def _preview(request: bytes, emit: Emit) -> bytes:
    wanted, count = decode(request, tuple[TuneRequest, int])
    return encode(plugins.load("trainers", wanted.recipe.method).preview(wanted, count))


def _estimate(request: bytes, emit: Emit) -> bytes:
    wanted = decode(request, TuneRequest)
    return encode(plugins.load("trainers", wanted.recipe.method).estimate(wanted))


def _cancel(request: bytes, emit: Emit) -> bytes:
    """Raises UsageError when the method runs no jobs elsewhere: cancelling is what a trainer may leave out."""
    wanted = decode(request, TuneRequest)
    method = wanted.recipe.method
    cancel: Callable[[TuneRequest], Json] | None = getattr(plugins.load("trainers", method), "cancel", None)
    if cancel is None:
        raise errors.UsageError(f"the method {method!r} runs no jobs elsewhere", next="stop it with Ctrl-C: it resumes")
    return encode(cancel(wanted))


JOBS: dict[str, Callable[[bytes, Emit], bytes]] = {
    "tune": _tune,
    "preview": _preview,
    "estimate": _estimate,
    "cancel": _cancel,
}


def job(name: str) -> Callable[[bytes, Emit], bytes]:
    """The job of this name. Raises UsageError when there is none."""
    if name not in JOBS:
        raise errors.UsageError(f"there is no job named {name!r}", next=f"known: {', '.join(JOBS)}")
    return JOBS[name]
