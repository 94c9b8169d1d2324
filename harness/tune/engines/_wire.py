"""What an engine and the process it started say to each other: jobs by name, and one JSON line a message.

A job takes the bytes of its request and a way to send events, and returns the bytes of its result. An engine carries
bytes only, so a job need not know where it runs, and a new engine need not know what it runs.
"""

import errno
from collections.abc import Callable

import msgspec

from harness import errors
from harness.core import plugins
from harness.core.codec import decode, encode
from harness.types import CurvePoint, Noun, TuneRequest

Emit = Callable[[bytes], None]
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a system says when there is no room for a file."""


class Point(Noun, frozen=True):
    """Event of a training job: one point of its curve, and how many steps there will be."""

    point: CurvePoint
    steps: int


class Event(Noun, frozen=True, tag="event"):
    data: msgspec.Raw


class Done(Noun, frozen=True, tag="done"):
    data: msgspec.Raw


class Failed(Noun, frozen=True, tag="failed"):
    """A TrueupError of the other side, to be raised again on this one."""

    error: str
    """Class name in `harness.errors`."""
    what: str
    where: str = ""
    next: str = ""

    def again(self) -> errors.TrueupError:
        return getattr(errors, self.error)(self.what, where=self.where, next=self.next)


Line = Event | Done | Failed

_decoder = msgspec.json.Decoder(Line)


def write(line: Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def read(data: bytes) -> Line:
    return _decoder.decode(data)


def perform(job: str, request: bytes, send: Callable[[Line], None]) -> None:
    """Run a job and send its events, then its result or its TrueupError; a full disk is one. Any other exception is our
    fault and is raised."""
    try:
        result = _job(job)(request, lambda data: send(Event(data=msgspec.Raw(data))))
    except errors.TrueupError as error:
        known = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
        send(Failed(error=known.__name__, what=error.what, where=error.where, next=error.next))
    except OSError as error:
        if error.errno not in FULL:
            raise
        where = str(error.filename or "")
        send(Failed("StorageError", f"{error.strerror}", where, "free space, then type the same command: it goes on"))
    else:
        send(Done(data=msgspec.Raw(result)))


def _tune(request: bytes, emit: Emit) -> bytes:
    wanted = decode(request, TuneRequest)
    trainer = plugins.load("trainers", wanted.recipe.method)
    return encode(trainer.train(wanted, lambda point, steps: emit(encode(Point(point=point, steps=steps)))))


def _preview(request: bytes, emit: Emit) -> bytes:
    wanted, count = decode(request, tuple[TuneRequest, int])
    return encode(_offer(wanted, "preview", "shows no rows before it trains")(wanted, count))


def _estimate(request: bytes, emit: Emit) -> bytes:
    wanted = decode(request, TuneRequest)
    return encode(_offer(wanted, "estimate", "gives no estimate")(wanted))


def _cancel(request: bytes, emit: Emit) -> bytes:
    wanted = decode(request, TuneRequest)
    return encode(_offer(wanted, "cancel", "runs no jobs elsewhere", "stop it with Ctrl-C: it resumes")(wanted))


def _offer(request: TuneRequest, what: str, lack: str, then: str = "trueup tune") -> Callable:
    """What the method's own file offers besides training. Raises UsageError when it does not."""
    trainer = plugins.load("trainers", request.recipe.method)
    if not hasattr(trainer, what):
        raise errors.UsageError(f"the method {request.recipe.method!r} {lack}", next=then)
    return getattr(trainer, what)


JOBS: dict[str, Callable[[bytes, Emit], bytes]] = {
    "tune": _tune,
    "preview": _preview,
    "estimate": _estimate,
    "cancel": _cancel,
}


def _job(name: str) -> Callable[[bytes, Emit], bytes]:
    if name not in JOBS:
        raise errors.UsageError(f"there is no job named {name!r}", next=f"known: {', '.join(JOBS)}")
    return JOBS[name]
