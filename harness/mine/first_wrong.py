"""Name the first step of a run that went wrong, where the trace can tell it.

Three things can: a correction of the step; a tool that turned its call down and took a changed call of the same tool later;
and, in a run that failed, successful runs that had the very same history and all made one other tool call next.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from harness.core.feedback_override import best_correction
from harness.core.replies import confirms, corrected, json_object
from harness.core.tool_uses import arguments_text, broken
from harness.mine.run_norms import Action, Successes, action, histories
from harness.types import Call, Feedback, Json, Message, Step, ToolUse, Trajectory

Fault = Literal["tool", "arguments", "other"]


class WrongStep(Struct, frozen=True):
    """A step that went wrong, and by what that is known."""

    step: int
    """Its place among the run's steps, from 0."""
    call_id: str
    fault: Fault
    """The wrong tool, or the right tool with the wrong arguments; other: words where a tool was needed, or the reverse."""
    evidence: Literal["correction", "changed call", "successful run"]
    reason: str
    """What was wrong, in words."""
    right: Message | None = None
    """The answer of a successful run, where that is the evidence."""


def first_wrong(
    run: Trajectory, calls: Mapping[str, Call], feedback: Mapping[str, Sequence[Feedback]], successes: Successes
) -> WrongStep | None:
    """The first of a run's wrong steps; None where nothing tells one. `calls`: those of the run, by id."""
    return min(wrong_steps(run, calls, feedback, successes), key=lambda wrong: wrong.step, default=None)


def wrong_steps(
    run: Trajectory, calls: Mapping[str, Call], feedback: Mapping[str, Sequence[Feedback]], successes: Successes
) -> Iterator[WrongStep]:
    """Every step that something shows to be wrong."""
    for place, step in enumerate(run.steps):
        call = calls.get(step.call_id)
        yield from _corrected(place, step, call, feedback.get(step.call_id, ())) if call else ()
        yield from _changed(place, step, run.steps[place + 1 :])
    if run.failed:
        yield from _unlike_successes(run, successes)


def _corrected(place: int, step: Step, call: Call, feedback: Sequence[Feedback]) -> Iterator[WrongStep]:
    best = best_correction(feedback)
    if best is None or not call.output or confirms(best.correction or "", call):
        return
    made, right = action(call.output[0]), action(corrected(best.correction or "", call))
    if made or right:
        yield WrongStep(place, step.call_id, _fault(made, right), "correction", _words(made, right))


def _changed(place: int, step: Step, later: Sequence[Step]) -> Iterator[WrongStep]:
    for use in step.tools:
        if use.refused and not broken(use.result or ""):
            mended = next((other for after in later for other in _taken(after, step, use)), None)
            if mended is not None:
                made, right = (((item.name, arguments_text(item)),) for item in (use, mended))
                reason = f"{_words(made, right)}, after {use.name} turned the first call down"
                yield WrongStep(place, step.call_id, "arguments", "changed call", reason)


def _taken(after: Step, step: Step, use: ToolUse) -> Iterator[ToolUse]:
    """Calls of the same tool in the same turn, with other arguments, that the tool took."""
    for other in after.tools:
        taken = other.result is not None and not other.refused
        if (
            after.turn == step.turn
            and other.name == use.name
            and taken
            and arguments_text(other) != arguments_text(use)
        ):
            yield other


def _unlike_successes(run: Trajectory, successes: Successes) -> Iterator[WrongStep]:
    """The first step at which all successful runs with this history made one other tool call: several of them, or one that
    called the same tool."""
    for place, (step, before) in enumerate(zip(run.steps, histories(run), strict=True)):
        known = successes.actions.get(before, {})
        if step.at < 0 or len(known) != 1:
            continue
        ((right, count),) = known.items()
        made = action(run.messages[step.at])
        fault = _fault(made, right)
        if made != right and right and (count > 1 or fault == "arguments"):
            reason = f"{_words(made, right)} in a run that succeeded after the same history"
            yield WrongStep(place, step.call_id, fault, "successful run", reason, successes.answers[before])
            return


def _fault(made: Action, right: Action) -> Fault:
    if not (made and right):
        return "other"
    return "arguments" if [name for name, _ in made] == [name for name, _ in right] else "tool"


def _words(made: Action, right: Action) -> str:
    """The difference of two actions in words."""
    called, wanted = (" and ".join(name for name, _ in side) for side in (made, right))
    if not made or not right:
        return f"the answer called {called or 'no tool'}; {wanted or 'no tool'} was called"
    if called != wanted:
        return f"it called {called}; {wanted} was called"
    return f"{called}: " + "; ".join(
        change for (_, before), (_, after) in zip(made, right, strict=True) for change in _changes(before, after)
    )


def _changes(made: str, right: str) -> Iterator[str]:
    before, after = json_object(made), json_object(right)
    if before is None or after is None:
        yield "the arguments were no JSON object"
        return
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"{name} was {_short(before.get(name))}, then {_short(after.get(name))}"


def _short(value: Json) -> str:
    text = "missing" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
