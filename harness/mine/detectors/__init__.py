"""Detect failures, one signal a file: `detect(window) -> Iterator[Failure]`.

A `Window` (`harness/mine/window.py`) is one session's calls in order of time, with their feedback and what is usual
on their route. A module with `HINT = True` shows where to look: its failures take nothing from a call that was praised.
"""
