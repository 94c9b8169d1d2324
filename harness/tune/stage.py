"""Tune a dataset and a recipe into an adapter, in another process."""

import os
from collections.abc import Callable

from harness.core.adapters import read_manifest as read_manifest
from harness.core.codec import decode, encode
from harness.tune.engines import local
from harness.tune.engines._jobs import Point
from harness.types import Adapter, CurvePoint, Estimate, Preview, TuneRequest

OnPoint = Callable[[CurvePoint, int], None]


def tune(request: TuneRequest, *, on_point: OnPoint | None = None) -> Adapter:
    """The adapter of `request`, in the folder `request.out`: complete, or absent.

    `on_point` gets every point of the training curve as it comes, with the number of steps there will be. A training
    that was killed goes on from its newest checkpoint when the same request comes again. Raises what the trainer
    raises: InputError on data or a model that cannot be used, InvalidError on a held-out row among the training rows
    or a training that went wrong, StorageError on a full disk.
    """

    def on_event(data: bytes) -> None:
        if on_point is not None:
            event = decode(data, Point)
            on_point(event.point, event.steps)

    secrets = tuple(os.environ) if request.evals else request.secrets  # eval files get the user's whole environment
    return decode(local.run("tune", encode(request), on_event, secrets=secrets), Adapter)


def cancel(request: TuneRequest) -> str:
    """Cancel the job that a provider runs for this request; returns its status.

    Raises UsageError when the recipe's method runs no jobs, InputError when none was started.
    """
    return decode(local.run("cancel", encode(request), _ignore, secrets=request.secrets), str)


def preview(request: TuneRequest, count: int) -> Preview:
    """`count` rows as they would be trained, token by token, and the fate of all cases. Trains nothing."""
    answer = local.run("preview", encode((request, count)), _ignore)
    return decode(answer, Preview)


def estimate(request: TuneRequest) -> Estimate:
    """Steps, tokens, time and memory of a training, from a few trial steps on this machine. Writes nothing."""
    return decode(local.run("estimate", encode(request), _ignore), Estimate)


def _ignore(data: bytes) -> None:
    """These jobs send no events."""
