"""Score given answers by a suite's own eval function, in a child process.

Recipes learn from the scores that decide at the end, so there is no second registry of rewards. The eval file is the
user's code and runs in a process of its own; a trainer holds this end of the pipe and sends answers by case.

    with SuiteJudge(JudgeRequest(suite="eval_booking", paths=("evals",), cases="train.jsonl")) as judge:
        judge.judge([Answer(case_id="c1", reply=Reply(text="yes"))])[0].value

The far side is `harness.evaluate.runner.reward_worker`, named here by its module path alone: it stands above this one.
"""

import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TypeVar

from harness.core.codec import decode, encode
from harness.core.worker import Worker
from harness.errors import InvalidError
from harness.types import Noun, Prompt, Reply, Request, Suite

T = TypeVar("T")
SERVER = "harness.evaluate.runner.reward_worker"


class JudgeRequest(Noun, frozen=True):
    """Which suite judges, and the cases it judges by in place of its own."""

    suite: str
    """Its name, or the end of it: `eval_booking` for `booking_desk/eval_booking::eval_booking`."""
    paths: tuple[str, ...]
    """Eval folders or files."""
    cases: str
    """JSON Lines file of `Case`s."""
    prompt: Prompt = Prompt(name="none")
    """What stands before each case when the suite is asked what it asks."""
    pytest_args: tuple[str, ...] = ()


class Answer(Noun, frozen=True):
    case_id: str
    reply: Reply | None = None
    """None: the suite's requests are sent back one by one, and each is answered by an `Answer` of its own."""


class JudgedAnswer(Noun, frozen=True):
    """What the suite said of one answer."""

    value: float | None = None
    """Its deciding score; None when the suite broke or was skipped."""
    error: str = ""
    """What broke, or why it was skipped."""
    request: Request | None = None
    """What the suite asked the model: first, or just now where it waits."""
    waits: bool = False
    """A session goes on: it waits for the answer to `request`."""


class SuiteJudge:
    """One suite, kept open in a child process. Close it, or use it in a `with`.

    Opening raises UsageError on a suite that is not there or cannot judge, InvalidError when the eval files do not load.
    """

    def __init__(self, request: JudgeRequest) -> None:
        self._child = open_eval_child(SERVER)
        try:
            self.suite: Suite = self._exchange(encode(request), Suite)
        except BaseException:
            self._child.close(0.0)
            raise

    def judge(self, answers: Sequence[Answer]) -> list[JudgedAnswer]:
        """What the suite says of each answer, in order. Raises InvalidError when its process dies."""
        return self._exchange(encode(tuple(answers)), list[JudgedAnswer]) if answers else []

    def play(self, case_id: str, answer: Callable[[Request], Reply]) -> JudgedAnswer:
        """What the suite says of a whole session, each request of which `answer` answers: several turns, with tools."""
        (said,) = self.judge([Answer(case_id=case_id)])
        while said.waits and said.request is not None:
            (said,) = self.judge([Answer(case_id=case_id, reply=answer(said.request))])
        return said

    def requests(self, case_ids: Sequence[str]) -> list[Request]:
        """What the suite asks the model for each case: messages after the prompt, most tokens, tools.

        Raises InvalidError when it broke before it asked, or asks nothing.
        """
        found = self.judge([Answer(case_id=ident, reply=Reply(text="")) for ident in case_ids])
        for ident, judged in zip(case_ids, found, strict=True):
            if judged.request is None:
                why = judged.error or "it asks the model nothing"
                raise InvalidError(f"{self.suite.name} cannot be asked about a training case: {why}", where=ident)
        return [judged.request for judged in found if judged.request is not None]

    def close(self) -> None:
        """End the child process; what its fixtures opened is closed first."""
        self._child.close()

    def __enter__(self) -> "SuiteJudge":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _exchange(self, line: bytes, kind: type[T]) -> T:
        self._child.send(line)
        return decode(self._child.result(), kind)


def open_eval_child(server: str) -> Worker:
    """A child process that runs eval files. They are the user's own code, so it gets the caller's whole environment."""
    return Worker(server, secrets=tuple(os.environ), death=_ended)


def _ended(code: int, output: str) -> InvalidError:
    last = " | ".join(line.strip() for line in output.splitlines()[-3:])
    return InvalidError("the suite's process ended", where=last, next="run the suite with pytest")
