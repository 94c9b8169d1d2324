"""Judge recorded answers by eval files, in a child process and without generating anything.

    with EvalFiles(("evals/eval_tone.py",)) as files:
        files.verdicts([RecordedAnswer(case=Case(id="c1", messages=asked), reply=Reply(text="no"))])[0]
        # {"eval_polite": "it is not polite", "eval_gold": None}

An eval function is called with the recorded conversation, and its model gives the recorded answer. Functions that take no
`case`, look at the expected answer, or ask more than the one question cannot judge an answer.

The far side is `harness.evaluate.runner.recorded_worker`.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from harness.core.codec import decode, encode
from harness.errors import UsageError
from harness.evaluate.reward_client import open_eval_child
from harness.types import Call, Case, Message, Noun, Reply

SERVER = "harness.evaluate.runner.recorded_worker"
BATCH = 64
"""Answers a line of the pipe: bounds what either side holds."""

Verdicts = dict[str, str | None]
"""Name of an eval function to why it objects: empty when it does not, None when it cannot judge the answer."""


class RecordedRequest(Noun, frozen=True):
    """Which eval files judge."""

    paths: tuple[str, ...]
    pytest_args: tuple[str, ...] = ()


class RecordedAnswer(Noun, frozen=True):
    """What was asked, as a case without gold, and what was answered."""

    case: Case
    reply: Reply


def recorded(call: Call, conversation: tuple[Message, ...]) -> RecordedAnswer:
    """A usable call, with its `conversation` instead of the input that the application's prompt is part of."""
    answer = call.output[0]
    return RecordedAnswer(
        case=Case(
            id=call.id,
            messages=conversation,
            session_id=call.session_id,
            user_id=call.user_id,
            tools=call.tools,
        ),
        reply=Reply(
            text=answer.text,
            tool_calls=answer.tool_calls,
            finish_reason=answer.finish_reason or "stop",
            usage=call.usage,
        ),
    )


class EvalFiles:
    """Eval files, kept open in a child process, as judges of recorded answers. Close it, or use it in a `with`.

    Opening raises UsageError on a path that is not there, InvalidError when a file does not load.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        if not paths:
            raise UsageError("no eval file is named that could judge", next='suites = ["evals/eval_tone.py"]')
        for path in paths:
            if not Path(path).exists():
                raise UsageError("there is no such eval file", where=path, next="correct `suites` in trueup.toml")
        self._child = open_eval_child(SERVER)
        try:
            self._child.send(encode(RecordedRequest(paths=tuple(paths))))
            self._child.result()
        except BaseException:
            self._child.close(0.0)
            raise

    def verdicts(self, answers: Sequence[RecordedAnswer]) -> list[Verdicts]:
        """What each eval function says of each answer, in order. Raises InvalidError when the process dies."""
        given: list[Verdicts] = []
        for start in range(0, len(answers), BATCH):
            self._child.send(encode(tuple(answers[start : start + BATCH])))
            given += decode(self._child.result(), list[Verdicts])
        return given

    def close(self) -> None:
        """End the child process; what its fixtures opened is closed first."""
        self._child.close()

    def __enter__(self) -> "EvalFiles":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
