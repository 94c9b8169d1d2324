"""The far side of `harness.evaluate.stage`: a pytest session that a request file describes.

It reports progress as JSON Lines to a pipe, writes its results beside the request, and dies when the pipe's reader does.
"""

import os
import select
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.core.codec import encode, read, write_atomic
from harness.errors import TrueupError
from harness.evaluate.runner.answering import Event
from harness.evaluate.runner.session import Evaluation
from harness.types import EvalRequest, Run, Suite

SUITES_FILE = "suites.json"


def run_file(arm: str) -> str:
    """Name of the file in `EvalRequest.out` that holds the run of an arm."""
    return f"{arm}.run.json"


class Recording(Evaluation):
    """An evaluation for the loop: it records, and writes what it recorded when pytest ends."""

    @pytest.hookimpl
    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.complain(excinfo.value)

    def complain(self, error: BaseException) -> None:
        self._on_event({"event": "fatal", **_error_fields(error)})

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        super().pytest_sessionfinish(session)
        if session.config.option.collectonly:
            declared = (self.declared(), self.book.problems, self.texts(), self.listed())
            write_atomic(Path(self.request.out) / SUITES_FILE, encode(declared))

    def conclude(self, runs: Sequence[Run]) -> None:
        for run in runs:
            write_atomic(Path(self.request.out) / run_file(run.arm.name), encode(run))
        super().conclude(runs)

    def texts(self) -> tuple[str, ...]:
        """What the cases are about, each text once: what no training row may be near."""
        return tuple(sorted({case.text for suite in self.suites.values() for case in suite.cases if case.text}))

    def listed(self) -> dict[str, tuple[str, ...]]:
        """Suite name to the ids of its selected cases, in order, each once however often it is repeated."""
        found: dict[str, dict[str, None]] = {}
        for entry in self.entries:
            found.setdefault(entry.suite.suite.name, {})[entry.case_id] = None
        return {name: tuple(ids) for name, ids in found.items()}

    def declared(self) -> tuple[Suite, ...]:
        """The suites of which at least one case was selected, in order."""
        return tuple({entry.suite.suite.name: entry.suite.suite for entry in self.entries}.values())


def recording(file: Path, config: pytest.Config) -> Recording:
    """The evaluation that a request file describes. From here on the process ends when its parent does."""
    descriptor = config.getoption("--trueup-events")
    if descriptor is not None:
        threading.Thread(target=_die_with_reader, args=(descriptor,), daemon=True).start()

    def on_event(event: Event) -> None:
        if descriptor is not None:
            os.write(descriptor, encode(event) + b"\n")

    return Recording(read(file, EvalRequest), recording=True, on_event=on_event)


def _die_with_reader(descriptor: int) -> None:
    """Wait until nobody reads the pipe any more, then end this process and all that it started."""
    poll = select.poll()
    poll.register(descriptor, 0)  # errors are always reported
    while not any(event & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, event in poll.poll()):
        pass
    os.killpg(0, signal.SIGKILL)


def _error_fields(error: BaseException) -> dict[str, Any]:
    if isinstance(error, TrueupError):
        return {"kind": type(error).__name__, "what": error.what, "where": error.where, "next": error.next}
    return {"kind": "TrueupError", "what": f"{type(error).__name__}: {error}", "where": "", "next": ""}
