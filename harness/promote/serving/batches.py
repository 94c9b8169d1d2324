"""Answer requests of many threads in batches: what waits while one batch is answered is the next one."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from harness.core.codec import encode
from harness.types import Arm, Reply, Request

MOST_WAITING = 256
"""Requests that may wait; beyond them a client is asked to come again."""


Replies = Callable[[Arm, Sequence[Request]], Sequence[Reply | Exception]]


class TooManyError(Exception):
    """As many requests wait as may wait."""


class _Waiting(NamedTuple):
    arm: Arm
    request: Request
    reply: "Future[Reply]"


class BatchedAnswers:
    """One thread answers, so that a backend sees one batch at a time. `replies` gives what an arm says to requests."""

    def __init__(self, replies: Replies, most_waiting: int = MOST_WAITING) -> None:
        self._replies = replies
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(most_waiting)
        self._thread = threading.Thread(target=self._work, name="answers", daemon=True)
        self._thread.start()

    def ask(self, arm: Arm, request: Request) -> Reply:
        """The reply, once it is there. Raises TooManyError when too many wait, and what the backend raised."""
        asked = _Waiting(arm, request, Future())
        try:
            self._waiting.put_nowait(asked)
        except queue.Full:
            raise TooManyError(f"{self._waiting.maxsize} requests wait already") from None
        return asked.reply.result()

    def close(self) -> None:
        """Answer what waits, then end."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        ended = False
        while not ended:
            batch = self._batch()
            ended = len(batch) < 1 or batch[-1] is None
            for group in _by_arm([asked for asked in batch if asked is not None]):
                self._answer(group)

    def _batch(self) -> list[_Waiting | None]:
        """What waits now, and the mark of the end after it."""
        batch = [self._waiting.get()]
        while batch[-1] is not None and not self._waiting.empty():
            batch.append(self._waiting.get())
        return batch

    def _answer(self, group: Sequence[_Waiting]) -> None:
        arm = group[0].arm
        try:
            replies = self._replies(arm, [asked.request for asked in group])
        except Exception as error:
            replies = [error] * len(group)
        for asked, reply in zip(group, replies, strict=True):
            if isinstance(reply, Exception):
                asked.reply.set_exception(reply)
            else:
                asked.reply.set_result(reply)


def _by_arm(batch: Sequence[_Waiting]) -> list[list[_Waiting]]:
    groups: dict[bytes, list[_Waiting]] = {}
    for asked in batch:
        groups.setdefault(encode(asked.arm), []).append(asked)
    return list(groups.values())
