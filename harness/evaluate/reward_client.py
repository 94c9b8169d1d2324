"""A suite as a judge: the user's own eval function scores answers that somebody else gave.

Recipes learn from the scores that decide at the end, so there is no second registry of rewards. The eval file is the
user's code and runs in a process of its own; a trainer holds this end of the pipe and sends answers by case.

    with SuiteJudge(JudgeRequest(suite="eval_booking", paths=("evals",), cases="train.jsonl")) as judge:
        judge.judge([Answer(case_id="c1", reply=Reply(text="yes"))])[0].value

The far side is `harness.evaluate.runner.reward_worker`, named here by its module path alone: it stands above this one.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import IO, TypeVar

from harness import errors
from harness.core.codec import decode, encode
from harness.errors import InvalidError
from harness.types import Noun, Prompt, Reply, Request, Suite

T = TypeVar("T")
SERVER = "harness.evaluate.runner.reward_worker"
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONHASHSEED": "0",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}
_TAIL = 1500
"""Bytes of the far side's output that are quoted when it dies."""


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
    reply: Reply


class Judged(Noun, frozen=True):
    """What the suite said of one answer."""

    value: float | None = None
    """Its deciding score; None when the suite broke or was skipped."""
    error: str = ""
    """What broke, or why it was skipped."""
    request: Request | None = None
    """What the suite asked the model."""


class Failed(Noun, frozen=True):
    """A TrueupError of the far side."""

    kind: str
    what: str
    where: str = ""
    next: str = ""


class Opened(Noun, frozen=True):
    """First line of the far side: the suite that was found, or why it cannot judge."""

    suite: Suite | None = None
    failed: Failed | None = None


class SuiteJudge:
    """One suite, kept open in a child process. Close it, or use it in a `with`.

    Opening raises UsageError on a suite that is not there or cannot judge, InvalidError when the eval files do not load.
    """

    def __init__(self, request: JudgeRequest) -> None:
        self._noise = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._noise,
            env={**os.environ, **ENVIRONMENT},
        )
        try:
            opened = self._exchange(encode(request), Opened)
            if opened.failed is not None:
                failed = opened.failed
                raise getattr(errors, failed.kind)(failed.what, where=failed.where, next=failed.next)
            assert opened.suite is not None
            self.suite: Suite = opened.suite
        except BaseException:
            self.close()
            raise

    def judge(self, answers: Sequence[Answer]) -> list[Judged]:
        """What the suite says of each answer, in order. Raises InvalidError when its process dies."""
        return self._exchange(encode(tuple(answers)), list[Judged]) if answers else []

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
        """End the child process."""
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._noise.close()

    def __enter__(self) -> "SuiteJudge":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _exchange(self, line: bytes, kind: type[T]) -> T:
        assert self._child.stdin is not None and self._child.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # a child that died says why on its stderr
            self._child.stdin.write(line + b"\n")
            self._child.stdin.flush()
        answer = self._child.stdout.readline()
        if not answer:
            raise InvalidError("the suite's process ended", where=_tail(self._noise), next="run the suite with pytest")
        return decode(answer, kind)


def _tail(noise: IO[bytes]) -> str:
    noise.seek(max(0, noise.seek(0, os.SEEK_END) - _TAIL))
    lines = noise.read().decode(errors="replace").strip().splitlines()
    return " | ".join(line.strip() for line in lines[-3:])
