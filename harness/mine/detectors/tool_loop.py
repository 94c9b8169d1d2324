"""Detect agents that go round in circles: the same tool call with the same arguments and the same result, again and again.

Runs that succeeded show how often a call may be made again, as one that waits for a parcel does.
"""

from collections.abc import Iterator

from harness.mine.run_norms import ENOUGH, repeated
from harness.mine.window import Window
from harness.types import Failure

TIMES = 3
"""How often a call has to be made, with one result."""


def detect(window: Window) -> Iterator[Failure]:
    for run in window.runs:
        usual = window.successes.usual(run)
        repeats = usual.repeats if usual.good >= ENOUGH else {}
        calls: dict[str, list[str]] = {}
        for step, count, name in () if run.succeeded else repeated(run):
            steps = calls.setdefault(name, [])
            steps.append(step.call_id)
            if count >= max(TIMES, repeats.get(name, 0) + 1):
                reason = f"{name} was called {count} times with the same arguments and said the same"
                yield Failure(call_id=steps[0], detector="tool_loop", reason=reason)
                break
