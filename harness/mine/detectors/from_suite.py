"""Detect answers that fail an eval suite, by running it over what production answered: nothing is generated.

`suites` under [mine.options] names eval files. Each eval function of them is called with the recorded conversation, and its
model gives the recorded answer. A failed assertion or a score of 0 is a failure of the call. Functions that look at the
expected answer, take other fixtures, or ask more than the one question cannot be judged so, and are passed over.
"""

import importlib.util
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from harness.core.options import File
from harness.errors import UsageError
from harness.mine.window import Window
from harness.types import Call, Case, Failure, Message, Noun, Reply, Score

Eval = Callable[[Any, Any], Any]


class Options(Noun, frozen=True):
    """Its keys under [mine.options]."""

    suites: tuple[File, ...] = ()
    """Eval files whose functions judge what production answered."""


class NotJudgeable(Exception):
    """The eval function asks for what a recorded call does not have."""


def detect(window: Window) -> Iterator[Failure]:
    for path in window.options.get("suites", ()):
        for name, function in functions(path):
            for call in window.calls:
                reason = verdict(function, call, window.conversation(call)) if call.usable else ""
                if reason:
                    yield Failure(call_id=call.id, detector="from_suite", reason=f"{name}: {reason}")


@cache
def functions(path: str) -> tuple[tuple[str, Eval], ...]:
    """Eval functions of a file that take a case and a model. Raises UsageError when the file cannot be imported."""
    spec = importlib.util.spec_from_file_location(f"trueup_mined_{Path(path).stem}", path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise UsageError("there is no such eval file", where=path, next="fix suites under [mine.options]")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = inspect.getmembers(module, inspect.isfunction)
    return tuple(
        (name, function)
        for name, function in found
        if name.startswith("eval_") and list(inspect.signature(function).parameters) == ["case", "model"]
    )


def verdict(function: Eval, call: Call, conversation: tuple[Message, ...]) -> str | None:
    """Why the call fails this eval; empty when it passes, None when it cannot be judged by it."""
    case = Case(id=call.id, messages=conversation, session_id=call.session_id, user_id=call.user_id, tools=call.tools)
    try:
        returned = function(_Recorded(case), _Model(call))
    except AssertionError as error:
        return (str(error).splitlines() or [""])[0][:120] or "a check failed"
    except Exception:  # the suite's code is not ours: what it cannot judge is no failure of the call
        return None
    scores = returned if isinstance(returned, tuple | list) else (returned,)
    low = [score for score in scores if isinstance(score, Score) and score.value == 0]
    return f"{low[0].name} is 0. {low[0].explanation}"[:120].strip() if low else ""


class _Recorded:
    """A case without gold: looking at what it should be ends the judging."""

    def __init__(self, case: Case) -> None:
        self._case = case

    def __getattr__(self, name: str) -> Any:
        if name in ("expected", "target", "rejected", "fields"):
            raise NotJudgeable(name)
        return getattr(self._case, name)

    def __getitem__(self, key: str) -> Any:
        raise NotJudgeable(key)


class _Model:
    """Answers one `chat` with the recorded answer."""

    def __init__(self, call: Call) -> None:
        self._call: Call | None = call

    def chat(self, *said: Any, **sampling: Any) -> Reply:
        call, self._call = self._call, None
        if call is None:
            raise NotJudgeable("a second question")
        answer = call.output[0]
        reason = answer.finish_reason or "stop"
        return Reply(text=answer.text, tool_calls=answer.tool_calls, finish_reason=reason, usage=call.usage)

    def __getattr__(self, name: str) -> Any:
        raise NotJudgeable(name)
