"""Ask a shadow's candidate what its share of the sessions asked, in the background; the answers are shown to nobody.

One thread asks, one request after the other, so that mirrored requests wait and people do not. What comes while many wait is not
mirrored.
"""

import queue
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress

from harness.promote.serving.http import PARENT, AskedModel

MOST_WAITING = 64


class Mirror:
    """`answer` answers a mirrored request, and counts and traces what goes wrong."""

    def __init__(self, answer: Callable[[AskedModel], object]) -> None:
        self._answer = answer
        self._waiting: queue.Queue[AskedModel | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._work, name="mirror", daemon=True)
        self._thread.start()

    def offer(self, asked: AskedModel, candidate: str) -> None:
        """Ask the candidate (a model's name) the same, in the same trace, unless many requests wait already."""
        with suppress(queue.Full):
            self._waiting.put_nowait(asked._replace(model=candidate, caller=asked.caller._replace(shadow=True)))

    def close(self) -> None:
        """Ask what waits, then end."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (asked := self._waiting.get()) is not None:
            with suppress(Exception):  # a failed call is in the traces, a spent budget in the record
                self._answer(asked)


def in_a_trace(asked: AskedModel) -> AskedModel:
    """With a trace of its own where the request continues none: both answers are found by it."""
    if PARENT[0] in asked.caller.parent:
        return asked
    parent = {PARENT[0]: f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}
    return asked._replace(caller=asked.caller._replace(parent=parent))
