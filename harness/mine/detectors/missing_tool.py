"""Detect runs that never called a tool which the successful runs of the same agent, or on the same request, all called.

A norm: praise outweighs it. The step named is the run's last, which answered without the tool.
"""

from collections.abc import Iterator

from harness.mine.run_norms import names
from harness.mine.window import Window
from harness.types import Failure, Trajectory


def detect(window: Window) -> Iterator[Failure]:
    for run in window.runs:
        if run.succeeded or "spans_missing" in run.flags or run.steps[-1].tools:
            continue
        for name, reason in _missing(run, window):
            missing = f"{name} was never called; {reason} call it"
            yield Failure(call_id=run.steps[-1].call_id, detector="missing_tool", reason=missing, norm="praise")
            break


def _missing(run: Trajectory, window: Window) -> Iterator[tuple[str, str]]:
    called = set(names(run))
    if run.failed:
        for name in sorted(window.successes.needed(run) - called):
            yield name, "all successful runs on the same request"
    usual = window.successes.usual(run)
    for name in sorted(usual.needed - called):
        yield name, f"nearly all of {usual.good} successful runs"
