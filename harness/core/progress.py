"""Report progress: a step, how far it is, a note. The loop never prints; a `Progress` may.

This one is silent and keeps the time of each step. The command line gives a subclass that draws progress bars.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Silent. `seconds` maps each finished step to its wall-clock time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step of the loop; steps of the same name add up."""
        started = time.perf_counter()
        self.started(name)
        try:
            yield
        finally:
            took = time.perf_counter() - started
            self.seconds[name] = self.seconds.get(name, 0.0) + took
            self.finished(name, took)

    def started(self, name: str) -> None:
        """A step begins."""

    def finished(self, name: str, seconds: float) -> None:
        """A step ended, well or not."""

    def update(self, done: float, total: float, text: str = "") -> None:
        """The running step is `done` of `total` (any unit) along."""

    def note(self, text: str) -> None:
        """One line worth reading: a count, a choice and its reason."""
