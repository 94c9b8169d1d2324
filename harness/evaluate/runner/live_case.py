"""Take one case through pytest's phases, with waits in the middle of the call.

pytest's hook for a test is called once for every stretch of the case, from one answer to the next question. So whatever
wraps a test (captured output, logs, warnings, assertion diffs, timeouts, third-party plugins) wraps each stretch, and is
properly left before another case has its turn. Only the last stretch is reported.
"""

from collections.abc import Callable
from typing import Any

import pytest
from pytest import CallInfo

from harness.evaluate.batching import BatchJob
from harness.evaluate.runner import private_pytest
from harness.evaluate.runner.fixtures import make_private
from harness.evaluate.runner.private_pytest import (
    arguments,
    call_and_report,
    check_interactive_exception,
    get_reraise_exceptions,
)
from harness.evaluate.runner.wrong_answers import EvalCall

LIVE = pytest.StashKey["LiveCase"]()
PHASES = ("setup", "call", "teardown")
STREAMS = ("stdout", "stderr", "log")


class LiveCase:
    """A collected case from its setup to its teardown. `next_item()` names the test that will be set up next.

    Its start and its setup are reported when it ends, in one go with the rest: cases wait for each other, and a reader of
    the terminal would see each twice, and its letter behind another's file.
    """

    def __init__(self, item: pytest.Function, next_item: Callable[[], pytest.Item | None]) -> None:
        self.item = item
        self.call = EvalCall(item.obj, lambda: arguments(item))
        self.job = BatchJob(self.call, through=self._activate)
        self._next_item = next_item
        self._stretch: Callable[[], None] | None = None
        self._first_call: CallInfo[None] | None = None
        self._setup: pytest.TestReport | None = None
        self._seconds = 0.0
        self._capture_fixture: Any = None
        self._logged: tuple[list[Any], str] = [], ""
        item.stash[LIVE] = self

    def _activate(self, stretch: Callable[[], None]) -> None:
        self._stretch = stretch
        private_pytest.swap_capture_fixture(self.item.config, self._capture_fixture)
        try:
            self.item.config.hook.pytest_runtest_protocol(item=self.item, nextitem=self._next_item())
        finally:
            self._capture_fixture = private_pytest.swap_capture_fixture(self.item.config, None)

    def protocol(self) -> None:
        """What `pytest_runtest_protocol` does for this case: set up if new, run one stretch, tear down at the end."""
        item, hook = self.item, self.item.ihook
        if self._setup is None:
            make_private(item)
            self._setup = call_and_report(item, "setup", log=False)
            if not self._setup.passed:
                self.job.stop()
                self._start()
                return self._end()
        call = CallInfo.from_call(
            lambda: hook.pytest_runtest_call(item=item), when="call", reraise=get_reraise_exceptions(item.config)
        )
        self._first_call = self._first_call or call
        self._seconds += call.duration
        if call.excinfo is not None:
            self.job.stop()  # a plugin around the stretch may have raised, such as a timeout
        if self.job.ended:
            self._start()
            self._report(call)
            self._end()
        return None

    def _start(self) -> None:
        """Report that the case began, and how it was set up."""
        hook = self.item.ihook
        hook.pytest_runtest_logstart(nodeid=self.item.nodeid, location=self.item.location)
        hook.pytest_runtest_logreport(report=self._setup)

    def stretch(self) -> None:
        """What `pytest_pyfunc_call` does for this case. Log records of earlier stretches stay visible to `caplog`."""
        assert self._stretch is not None
        handler = private_pytest.caplog_handler(self.item.config)
        if handler is None:
            return self._stretch()
        handler.records.extend(self._logged[0])
        handler.stream.write(self._logged[1])
        self._stretch()
        self._logged = list(handler.records), handler.stream.getvalue()
        return None

    def _report(self, call: CallInfo[None]) -> None:
        assert self._first_call is not None
        call.start, call.duration = self._first_call.start, self._seconds
        _merge_sections(self.item)
        report = self.item.ihook.pytest_runtest_makereport(item=self.item, call=call)
        self.item.ihook.pytest_runtest_logreport(report=report)
        if check_interactive_exception(call, report):
            self.item.ihook.pytest_exception_interact(node=self.item, call=call, report=report)

    def _end(self) -> None:
        item, session = self.item, self.item.session
        last = session.shouldfail or session.shouldstop
        call_and_report(item, "teardown", nextitem=None if last else self._next_item())
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        private_pytest.release(item)
        del item.stash[LIVE]


def _merge_sections(item: pytest.Function) -> None:
    """Put the output of all stretches together: one section a stream, in pytest's order, as if there had been one."""
    merged: dict[tuple[str, str], str] = {}
    taken = private_pytest.report_sections(item)
    for when, key, content in taken:
        known = merged.get((when, key))
        line_end = "\n" if key == "log" else ""  # pytest strips it off a log
        merged[when, key] = content if known is None else known + line_end + content
    sections = [(when, key, content) for (when, key), content in merged.items()]
    taken[:] = sorted(sections, key=_place)


def _place(section: tuple[str, str, str]) -> tuple[int, int]:
    when, key, _ = section
    return PHASES.index(when), STREAMS.index(key) if key in STREAMS else len(STREAMS)
