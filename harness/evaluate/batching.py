"""Batch the requests of many plain synchronous functions.

Each job runs on a greenlet of its own. When it asks for something, it switches to the hub and waits. The hub takes on
jobs until a batch is full or there are no more, answers the whole batch at once, and gives each job its answer in
order. All of it happens on one thread, so debuggers, signals and fixtures behave, and there are no timers, so the same
jobs always form the same batches. `docs/design/0003-batching.md` says why greenlets.
"""

import contextvars
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from greenlet import getcurrent, greenlet

from harness.errors import TrueupError

Answer = Callable[[Sequence[Any]], Sequence[Any]]
"""Takes the questions of a batch, gives one answer for each; an exception among them is raised in its job."""

PAUSE = object()
"""Asked by a job that waits for something outside: it goes on when every other job has come as far as it can."""
BARRIER = None
"""In a stream of jobs: take on nothing more until every job that runs has ended."""


class BatchJob:
    """One function on its own greenlet: new, waiting for an answer, or ended with a value or an error.

    `through(stretch)` runs one stretch of the function, from one answer to its next question: it must call `stretch`
    once, and may do so inside whatever the function needs around it.
    """

    def __init__(
        self, function: Callable[[], Any], through: Callable[[Callable[[], None]], None] = lambda stretch: stretch()
    ) -> None:
        self._function, self._through = function, through
        self._greenlet = greenlet(self._run)
        self._greenlet.gr_context = contextvars.copy_context()
        self.question: Any = None
        self.answer: Any = None
        self.value: Any = None
        self.error: BaseException | None = None

    @property
    def ended(self) -> bool:
        return bool(self._greenlet.dead)

    def proceed(self) -> None:
        """Run to the next question or to the end."""
        self._through(self._stretch)

    def stop(self) -> None:
        """Unwind the function where it waits, running its `finally` blocks; a new job just ends."""
        while not self.ended:
            self._greenlet.throw()

    def _stretch(self) -> None:
        self.question = self._greenlet.switch(self.answer)

    def _run(self, _: Any) -> None:
        try:
            self.value = self._function()
        except BaseException as error:  # whoever takes the ended job raises it again
            self.error = error


def ask(question: Any, alone: Answer) -> Any:
    """Called by a job: wait for the answer to `question`. Outside of any job, `alone` answers it as a batch of one.

    Raises the answer when it is an exception.
    """
    hub = getcurrent().parent
    answer = alone([question])[0] if hub is None else hub.switch(question)
    if isinstance(answer, BaseException):
        raise answer
    return answer


def pause() -> None:
    """Called by a job: let the others come as far as they can, so that what each waits for runs at the same time."""
    hub = getcurrent().parent
    if hub is not None:
        hub.switch(PAUSE)


def run(jobs: Iterable[BatchJob | None], answer: Answer, size: int) -> Iterator[BatchJob]:
    """Run `jobs`, at most `size` at a time, and yield each when it has ended.

    A batch leaves when `size` jobs wait, or when all that run are waiting and no more can be taken on. The stream is
    drawn from only when there is room, so it may prepare each job as it is drawn. Closing the iterator unwinds the jobs
    that are still under way.
    """
    stream, open_, held = iter(jobs), True, False
    ready: deque[BatchJob] = deque()
    waiting: list[BatchJob] = []
    pausing: list[BatchJob] = []
    try:
        while True:
            if ready:
                job = ready.popleft()
                job.proceed()
                if job.ended:
                    yield job
                elif job.question is PAUSE:
                    pausing.append(job)
                else:
                    waiting.append(job)
            elif open_ and not held and len(waiting) + len(pausing) < size:
                drawn = next(stream, StopIteration)
                open_, held = drawn is not StopIteration, drawn is BARRIER
                if isinstance(drawn, BatchJob):
                    ready.append(drawn)
            elif pausing:
                ready.extend(pausing)
                pausing.clear()
            elif waiting:
                _answer_all(waiting, answer)
                ready.extend(waiting)
                waiting.clear()
            elif held:
                held = False
            else:
                return
    finally:
        for job in chain(ready, waiting, pausing):
            job.stop()


def _answer_all(waiting: Sequence[BatchJob], answer: Answer) -> None:
    answers = answer([job.question for job in waiting])
    if len(answers) != len(waiting):
        raise TrueupError(f"{len(waiting)} questions got {len(answers)} answers", next="fix the backend's answer()")
    for job, given in zip(waiting, answers, strict=True):
        job.answer = given
