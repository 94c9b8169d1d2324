"""Run suites against arms by pytest in a child process: one `Run` an arm.

In a child, because eval files are the user's own code, and because a model takes memory that must be given back. All arms
of a request run in one child, one after the other on the same backend, with the same cases in the same order.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from harness.core import crew
from harness.core.codec import decode, digest, encode, read, write_atomic
from harness.core.purse import Purse
from harness.core.worker import SCRATCH, ChildError, ChildEvent, Worker
from harness.errors import InvalidError, TrueupError, UsageError
from harness.evaluate.runner.survey import SUITES_FILE, TOLERANT, Survey, run_file
from harness.types import EngineSettings, EvalRequest, Run, Suite

Event = dict[str, Any]
T = TypeVar("T")
REQUEST_FILE, LOG_FILE = "request.json", "pytest.log"
PYTEST_USAGE_ERROR = 4


def evaluate(
    request: EvalRequest,
    *,
    on_event: Callable[[Event], None] | None = None,
    purse: Purse | None = None,
    engine: EngineSettings = crew.LOCAL,
) -> tuple[Run, ...]:
    """One run for each arm of the request, in order.

    `on_event` gets `{"event": "start", "arm", "total"}`, `{"event": "opening", "arm", "backend", "model"}`, `{"event": "asking",
    "arm", "requests"}`, `{"event": "batch", "arm", "requests", "seconds"}`, `{"event": "paid", "arm", "amount"}` and
    `{"event": "case", "arm", "done", "total"}`. `purse` pays for it; without one nothing is counted. Another `engine` than the local one
    asks the cases in parts, see `harness.evaluate.spread`.
    Files that do not load, and that nothing was collected, are `Run.problems`. Raises UsageError when pytest refuses its
    arguments, StorageError on a full disk, CapError when the purse is empty, and InvalidError when the child dies; each with
    the end of its output.
    """
    out = Path(request.out)
    for arm in request.arms:
        (out / run_file(arm.name)).unlink(missing_ok=True)
    if not request.arms:
        raise UsageError("there is no arm to evaluate", next="name a model in trueup.toml")
    if len({arm.name for arm in request.arms}) < len(request.arms):
        raise UsageError("two arms have the same name", next="give each its own")
    purse = purse or Purse()
    listen = on_event or (lambda event: None)

    def on_any(event: Event) -> None:
        if event["event"] == "paid":
            purse.pay(event["amount"])
        listen(event)

    request = replace(request, cost=purse.rest())
    if engine.kind != crew.LOCAL.kind:
        from harness.evaluate import spread  # it brings pytest, which whoever only curates does without

        return spread.evaluate(request, engine, on_any)
    _run_child(request, (), on_any)
    return tuple(_read(out / run_file(arm.name), Run) for arm in request.arms)


def survey(request: EvalRequest) -> Survey:
    """The suites that `evaluate` would run and the texts of their cases, without running them."""
    found = Path(request.out) / SUITES_FILE
    found.unlink(missing_ok=True)
    _run_child(request, ("--collect-only", "-q"), lambda event: None)
    return _read(found, Survey)


def collect(request: EvalRequest) -> tuple[Suite, ...]:
    """The suites that `evaluate` would run, without running them.

    A file that does not load stands as a suite without cases, whose digest is its problem: so no earlier run can be
    taken for one in which it was left out.
    """
    found = survey(request)
    return (*found.suites, *(Suite(name=problem, digest=digest(problem)) for problem in found.problems))


def _arguments(request: EvalRequest, extra: Sequence[str]) -> list[str]:
    """What pytest is given, without the options that a project adds for its own tests."""
    plugin = ["-p", "no:cacheprovider", "-o", "addopts="]
    ours = ["--trueup-request", str(Path(request.out) / REQUEST_FILE)]
    select = ["-k", request.select] if request.select else []
    return [*TOLERANT, *plugin, *ours, *select, *request.pytest_args, *extra, *request.paths, "--trueup-events"]


def _run_child(request: EvalRequest, extra: Sequence[str], on_event: Callable[[Event], None]) -> None:
    """Run pytest to its end, so that fixtures are torn down, then raise the error that stopped it, if one did."""
    _need(request.paths)
    out = Path(request.out)
    write_atomic(out / REQUEST_FILE, encode(request))
    fatal = None
    own = tuple(os.environ)  # the whole environment: eval files are the user's own code
    command = _arguments(request, extra)
    with Worker("pytest", *command, secrets=own, more={SCRATCH: str(out)}, log=out / LOG_FILE) as child:
        child.end_requests()
        for message in child:
            if isinstance(message, ChildEvent):
                on_event(decode(bytes(message.data), Event))
            elif isinstance(message, ChildError):
                fatal = message.again()
        code = child.wait()
    if fatal is not None:
        raise fatal
    if code < 0 or code == PYTEST_USAGE_ERROR:
        raise _died(code, out / LOG_FILE)


def _need(paths: Sequence[str]) -> None:
    """Raise UsageError for a path that does not exist, of which pytest would say so only after loading any conftest near by."""
    for path in paths:
        file = path.partition("::")[0]
        if not Path(file).exists():
            raise UsageError(
                f"there is no {file}", next="correct [eval] paths in trueup.toml, or the path that you gave"
            )


def _read(file: Path, kind: type[T]) -> T:
    if not file.exists():
        raise _died(0, file.parent / LOG_FILE)
    return read(file, kind)


def _died(code: int, log: Path) -> TrueupError:
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
    if code == PYTEST_USAGE_ERROR:
        return UsageError(f"pytest refused its arguments:\n{tail}", where=str(log), next="fix [eval] in trueup.toml")
    how = f"was killed by signal {-code}" if code < 0 else "ended without results"
    return InvalidError(f"the evaluation {how}:\n{tail}", where=str(log), next="run the same command again: it resumes")
