"""Detect runs of far more steps than the successful runs of the same agent take.

A hint only: a long way may still arrive. The step named is the first beyond the norm.
"""

import math
from collections.abc import Iterator

from harness.mine.window import Window
from harness.types import Failure

HINT = True


def detect(window: Window) -> Iterator[Failure]:
    for run in window.runs:
        limit = window.successes.usual(run).steps
        if limit is not None and len(run.steps) > limit:
            reason = f"it took {len(run.steps)} steps; far out begins at {limit:.0f} here"
            yield Failure(call_id=run.steps[math.floor(limit)].call_id, detector="too_many_steps", reason=reason)
