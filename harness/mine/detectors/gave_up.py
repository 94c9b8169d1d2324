"""Detect agents that gave up: stopped by their limit of steps, unable after a tool turned a call down, or handing over to a
person where successful runs do not."""

import re
from collections.abc import Iterator

from harness.mine.run_norms import ENOUGH
from harness.mine.window import Window
from harness.types import Failure, Step, Trajectory

STOPPED = re.compile(
    r"\s*(?:agent stopped due to (?:iteration|max|time)|sorry, need more steps to process"
    r"|(?:i have )?reached (?:the )?(?:max(?:imum)?|limit)\b.{0,40}\b(?:steps|iterations|turns))",
    re.IGNORECASE | re.DOTALL,
)
"""What frameworks write in place of an answer when a run reaches its limit."""
UNABLE = re.compile(
    r"\b(?:(?:i|we)(?:'m| am| was|'ve been| have been| are| were)? (?:unable|not able)|(?:i|we) (?:can'?t|cannot|could ?n'?t|could not)"
    r"|unfortunately|unsuccessful)\b",
    re.IGNORECASE,
)
HANDS_OVER = re.compile(r"(?:transfer|hand_?off|hand_?over|escalate)", re.IGNORECASE)
PERSON = re.compile(r"human|person|staff|operator|representative|support|agent", re.IGNORECASE)
START = 400
"""Characters of an answer in which it says that it is unable."""


def detect(window: Window) -> Iterator[Failure]:
    for run in window.runs:
        reason = "" if run.succeeded else _sign(run, window)
        if reason:
            yield Failure(call_id=run.steps[-1].call_id, detector="gave_up", reason=reason)


def _sign(run: Trajectory, window: Window) -> str:
    last = run.steps[-1]
    if last.tools and not _hands_over(last.tools[-1].name):
        return ""  # the trace ends in the middle
    text = run.messages[last.at].text[:START].replace("’", "'") if last.at >= 0 else ""
    if STOPPED.match(text):
        return "it reached its limit of steps"
    turn = [step for step in run.steps if step.turn == last.turn]
    handed = next((use.name for step in turn for use in step.tools if _hands_over(use.name)), "")
    usual = window.successes.usual(run)
    if handed and (run.failed or (usual.good >= ENOUGH and handed not in usual.called)):
        return f"it handed over by {handed}"
    refused = _unmended(turn)
    return f"it gave up after {refused} turned its call down" if refused and UNABLE.search(text) else ""


def _hands_over(name: str) -> bool:
    return bool(HANDS_OVER.search(name) and PERSON.search(name))


def _unmended(turn: list[Step]) -> str:
    """The tool whose last call of the turn was turned down; empty when there is none."""
    last = {use.name: use.refused for step in turn for use in step.tools}
    return next((name for name, refused in last.items() if refused), "")
