"""Detect answers that fail an eval suite, by running it over what production answered: nothing is generated.

`suites` under [mine.options] names eval files. Each eval function of them judges each recorded answer as
`harness.evaluate.recorded` says, in a child process, with its fixtures and parameters. A failed assertion or a score of 0
is a failure of the call. Functions that cannot judge a recorded answer are passed over.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from harness.core.options import File
from harness.evaluate.recorded import EvalFiles, recorded
from harness.mine.window import Window
from harness.types import Failure, Json, Noun


class Options(Noun, frozen=True):
    """Its keys under [mine.options]."""

    suites: tuple[File, ...] = ()
    """Eval files whose functions judge what production answered."""


def detect(window: Window) -> Iterator[Failure]:
    """Failures of one session; `opened` spares a child process a session."""
    with opened(window.options) as failures:
        yield from failures((window,))


@contextmanager
def opened(options: Mapping[str, Json]) -> Iterator[Callable[[Sequence[Window]], Iterator[Failure]]]:
    """What detects failures in many windows, as long as the child process is open. See `harness.mine.stage`.

    Raises UsageError on an eval file that is not there, InvalidError on one that does not load.
    """
    suites = [str(path) for path in options.get("suites", ())]
    if not suites:
        yield lambda windows: iter(())
        return
    with EvalFiles(suites) as files:
        yield lambda windows: _failures(files, windows)


def _failures(files: EvalFiles, windows: Sequence[Window]) -> Iterator[Failure]:
    usable = [(window, call) for window in windows for call in window.calls if call.usable]
    judged = files.verdicts([recorded(call, window.conversation(call)) for window, call in usable])
    for (_, call), verdicts in zip(usable, judged, strict=True):
        for name, reason in verdicts.items():
            if reason:
                yield Failure(call_id=call.id, detector="from_suite", reason=f"{name}: {reason}")
