"""Show a wrong answer as pytest shows a failed assertion: at the line that returned the score, with what was asked first.

An eval function has returned before its score is known to be 0. So its frame is kept, and the failure is raised as if from
there: every style of traceback, JUnit, the debugger and an editor's jump then lead to the eval file.
"""

import difflib
import inspect
import json
import sys
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any

import msgspec
import pytest

from harness.core.codec import canonical
from harness.evaluate.runner.model import Exchange, Model
from harness.evaluate.runner.outcomes import theirs, without_ours
from harness.evaluate.runner.results import Entry
from harness.types import Budget, Case, Json, Message, Reply, Result, Score, Suite, ToolResultPart
from harness.types.evaluation import CUT_OFF

SUMMARY = pytest.StashKey[str]()
"""One line that says why a case failed."""
LINES, CHARACTERS = 24, 2000
"""How much of a question or an answer is shown without -vv."""


class EvalCall:
    """One call of an eval function, which keeps the frame of that function.

    The frame is taken by a profile function that removes itself as soon as the eval function is entered. Where somebody
    else profiles, there is no frame.
    """

    def __init__(self, function: Callable[..., Any], arguments: Callable[[], dict[str, Any]]) -> None:
        self.frame: FrameType | None = None
        self._function, self._arguments = function, arguments

    def __call__(self) -> Any:
        code = getattr(inspect.unwrap(self._function), "__code__", None)
        arguments = self._arguments()
        if code is None or sys.getprofile() is not None:
            return self._function(**arguments)

        def entered(frame: FrameType, event: str, _: Any) -> None:
            if event == "call" and frame.f_code is code:
                sys.setprofile(None)
                self.frame = frame

        sys.setprofile(entered)
        try:
            return self._function(**arguments)
        finally:
            if sys.getprofile() is entered:
                sys.setprofile(None)


def is_wrong(error: BaseException) -> bool:
    """A failed assertion is a wrong answer; any other exception says nothing of the model."""
    return isinstance(error, (AssertionError, pytest.fail.Exception))


def show(
    item: pytest.Function,
    frame: FrameType | None,
    result: Result,
    entry: Entry,
    model: Model | None,
    error: BaseException | None,
) -> None:
    """Raise what the test is to show: what the function raised, or why its scores are wrong or no scores. Else nothing."""
    case, whole = entry.case, item.config.get_verbosity() > 1
    shown = error
    if error is not None:
        if isinstance(error, AssertionError):
            item.stash[SUMMARY] = _explain(error, _asked(model, case, whole), _last(model), whole)
        shown = error if item.config.option.fulltrace else without_ours(error)
    elif result.error:
        shown = pytest.fail.Exception(result.error, pytrace=frame is not None)
    elif (score := _deciding_zero(result, entry.suite.suite)) is not None:
        item.stash[SUMMARY] = _headline(score)
        shown = AssertionError(_text(score, case, model, whole))
        if frame is None:
            shown = pytest.fail.Exception(str(shown), pytrace=False)
    if shown is None:
        return
    if frame is not None and not theirs(shown):
        shown = shown.with_traceback(TracebackType(None, frame, frame.f_lasti, frame.f_lineno))
    _bind(shown, {"case": case, "reply": _last(model), "scores": result.scores})
    raise shown


def polish(report: pytest.TestReport, summary: str) -> None:
    """Give the report its one-line summary, and leave out the name of the exception, as pytest does for an assert."""
    longrepr: Any = report.longrepr
    crash, traceback = getattr(longrepr, "reprcrash", None), getattr(longrepr, "reprtraceback", None)
    if crash is not None:
        crash.message = summary
    for entry in getattr(traceback, "reprentries", ())[-1:]:
        entry.lines = [
            line.replace("AssertionError: ", "", 1) if line.startswith("E ") else line for line in entry.lines
        ]


def _deciding_zero(result: Result, suite: Suite) -> Score | None:
    """The score that fails a case: its deciding one, when that is 0, or above the limit of a budget."""
    score = next((score for score in result.scores if score.name == suite.metric), (*result.scores, None)[0])
    if score is None:
        return None
    failed = score.value > suite.role.limit if isinstance(suite.role, Budget) else score.value == 0
    return score if failed else None


def _headline(score: Score) -> str:
    """One line for pytest's summary: `label: expected 'refund', got "I'm sorry"`."""
    first, *_ = score.explanation.splitlines() or [""]
    return f"{score.name}: {first}" if first else f"{score.name} = {score.value:g}"


def _text(score: Score, case: Case, model: Model | None, whole: bool) -> str:
    """What was asked, why the answer is wrong, and what of expected and said the reason leaves out. `whole`: nothing cut."""
    _, *more = score.explanation.splitlines() or [""]
    told = "\n".join([_headline(score), *more])
    return "\n".join([*_asked(model, case, whole), told, *_compared(case.expected, _last(model), told, whole)])


def _explain(error: AssertionError, question: list[str], said: Reply | None, whole: bool) -> str:
    """Put what was asked before the words of a failed assertion, and what was said where these words do not show it.

    Returns the first of the words, for the summary.
    """
    words = str(error)
    if said is not None and any(line not in words for line in said.text.splitlines()):
        question = [*question, *_block("said", said.text, whole)]
    if type(error) is AssertionError and question:
        error.args = ("\n".join([*question, words]).rstrip(),)
    return words.splitlines()[0] if words else "assertion failed"


def _bind(error: BaseException, bound: dict[str, Any]) -> None:
    """Let a debugger that opens at the error see these names too, where the function has no variables of that name."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    if step is not None:
        variables = step.tb_frame.f_locals
        for name, value in bound.items():
            variables.setdefault(name, value)


def _last(model: Model | None) -> Reply | None:
    return model.replies[-1] if model is not None and model.replies else None


def _asked(model: Model | None, case: Case, whole: bool) -> list[str]:
    """What the model was last asked, without the arm's prompt; the case's own words where it was asked nothing."""
    exchanges: Sequence[Exchange] = model.exchanges if model is not None else ()
    messages, plain = case.messages, ""
    if exchanges:
        request = exchanges[-1].request
        messages, plain = _own(request.messages, exchanges[-1].prompt), request.text
    shown = "\n".join(_line(message, alone=len(messages) == 1) for message in messages) or plain
    return _block("asked", shown, whole) if shown else []


def _own(messages: tuple[Message, ...], prompt: tuple[Message, ...]) -> tuple[Message, ...]:
    """Messages after those of the arm's prompt that stand in front of them."""
    return messages[len(prompt) :] if messages[: len(prompt)] == prompt else messages


def _line(message: Message, alone: bool) -> str:
    """The words, tool calls and tool results of a message, after its role where there are several messages."""
    results = [part.content for part in message.parts if isinstance(part, ToolResultPart)]
    calls = [f"{call.name}({call.arguments})" for call in message.tool_calls]
    words = "\n".join(filter(None, [message.text, *calls, *map(str, results)]))
    return words if alone and message.role == "user" else f"{message.role}: {words}"


def _compared(expected: Json, said: Reply | None, told: str, whole: bool) -> list[str]:
    """Expected and said, unless the reason quotes both to their end already."""
    if said is None:
        return []
    words = said.text or canonical(msgspec.to_builtins(said.tool_calls))
    label = "said, cut off at its limit" if said.finish_reason in CUT_OFF else "said"
    quoted = [value is None or _quoted(value, told) for value in (expected, words)]
    if all(quoted) and label == "said":
        return []
    if expected is None:
        return _block(label, words, whole)
    lines, got = _lines(expected), _parsed(words, expected)
    if len(lines) == len(got) == 1:
        return [*_block("expected", lines[0], whole), *_block(label, got[0], whole)]
    difference = [line for line in difflib.ndiff(lines, got) if not line.startswith("?")]
    return _block(f"expected (-), {label} (+)", "\n".join(difference), whole, below=True)


def _quoted(value: Json, told: str) -> bool:
    return repr(value) in told if isinstance(value, str) else f" {canonical(value)}" in told


def _parsed(said: str, expected: Json) -> list[str]:
    try:
        got = json.loads(said)
    except ValueError:
        return said.splitlines() or [""]
    return said.splitlines() if isinstance(got, str) and not isinstance(expected, str) else _lines(got)


def _lines(value: Json) -> list[str]:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    return text.splitlines() or [""]


def _block(label: str, text: str, whole: bool, below: bool = False) -> list[str]:
    """A label and its text beside it, or below it where it has several lines."""
    lines = text.splitlines() or ["(nothing)"]
    if not whole:
        lines = _cut(lines)
    return (
        [f"{label}: {lines[0]}"] if len(lines) == 1 and not below else [f"{label}:", *(f"  {line}" for line in lines)]
    )


def _cut(lines: list[str]) -> list[str]:
    """At most `LINES` lines and about `CHARACTERS` characters: the first and the last ones."""
    if len(lines) > LINES:
        out = len(lines) - LINES
        lines = [*lines[: LINES // 2], f"… {out:,} lines left out; -vv shows them …", *lines[-LINES // 2 :]]
    room = max(200, CHARACTERS // len(lines))
    return [f"{line[: room // 2]} … {line[-room // 2 :]}" if len(line) > room else line for line in lines]
