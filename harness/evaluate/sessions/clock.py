"""Stop a tool that does not come back.

On the main thread of a Unix system a timer interrupts the tool, which may sleep or wait for a socket. Elsewhere, and for
code that no signal interrupts, the time is checked when the tool has returned. The time that a tool waits for a model
(an agent as a tool) does not count.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType

from harness.errors import InvalidError


class ToolTimeout(InvalidError):
    """A tool took longer than it may: an error of the environment, which says nothing of the model."""


class _Interrupt(BaseException):
    """Unwinds a tool, past its `except Exception`."""


class ToolClock:
    """Counts the seconds of one tool call."""

    def __init__(self, limit: float) -> None:
        self.limit, self.seconds = limit, 0.0
        self._since = 0.0
        self._armed = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
        self._before: tuple[object, tuple[float, float]] | None = None

    def start(self) -> None:
        self._since = time.perf_counter()
        if self._armed:
            handler = signal.signal(signal.SIGALRM, _interrupt)
            self._before = handler, signal.setitimer(signal.ITIMER_REAL, max(self.limit - self.seconds, 0.001))

    def stop(self) -> None:
        passed = time.perf_counter() - self._since
        self.seconds += passed
        if self._before is not None:
            handler, (left, interval) = self._before
            self._before = None
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, handler)  # type: ignore[arg-type] # as signal.signal gave it
            if left:  # another timer was running, such as that of pytest-timeout
                signal.setitimer(signal.ITIMER_REAL, max(left - passed, 0.001), interval)


CLOCK: ContextVar[ToolClock | None] = ContextVar("trueup_tool_clock", default=None)


@contextmanager
def timed(name: str, limit: float) -> Iterator[ToolClock]:
    """Run a tool for at most `limit` seconds. Raises ToolTimeout when it takes longer."""
    clock = ToolClock(limit)
    with paused():
        token = CLOCK.set(clock)
        clock.start()
        try:
            yield clock
        except _Interrupt:
            pass
        finally:
            clock.stop()
            CLOCK.reset(token)
    if clock.seconds >= limit:
        raise ToolTimeout(
            f"the tool {name!r} did not answer within {limit:g} seconds",
            next="fix the tool, or give it longer: model.session(..., tool_seconds=...)",
        )


@contextmanager
def paused() -> Iterator[None]:
    """Let the clock of the tool that is running stand still, as while it waits for a model."""
    clock = CLOCK.get()
    if clock is None:
        yield
        return
    clock.stop()
    try:
        yield
    finally:
        clock.start()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise _Interrupt
