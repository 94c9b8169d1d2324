"""Drive the pytest session: the plugin proper, registered when the first eval file is met.

Two ways to run. A developer's `pytest evals --model NAME` asks one arm, and a wrong answer is a failed test. A request of
the loop asks several arms, one after the other, records everything and writes one `Run` an arm: the gate decides later.
"""

import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextvars import Token
from typing import Any, TypeGuard

import pytest
from msgspec.structs import replace
from pytest import CallInfo

from harness.core.digests import drawn
from harness.core.purse import Purse
from harness.errors import InvalidError, NotRecordedError, TrueupError
from harness.evaluate.application.program import AT_ONCE, ApplicationModel
from harness.evaluate.asker import ASKERS, AskerBench
from harness.evaluate.batching import BARRIER, BatchJob, ask, run
from harness.evaluate.runner import mistakes
from harness.evaluate.runner.answering import Answerer, Event
from harness.evaluate.runner.bench import Question, RunBench
from harness.evaluate.runner.collection import SuiteCases, case_of, module_of, parametrize
from harness.evaluate.runner.environment import environment
from harness.evaluate.runner.few_shot import Nearest
from harness.evaluate.runner.fixtures import SetupTree, may_join
from harness.evaluate.runner.live_case import LIVE, LiveCase
from harness.evaluate.runner.model import Model
from harness.evaluate.runner.private_pytest import arguments, use_setup_state
from harness.evaluate.runner.results import Book, Entry
from harness.evaluate.runner.sharding import members
from harness.evaluate.runner.wrong_answers import SUMMARY, EvalCall, is_wrong, polish, show
from harness.types import Arm, EvalRequest, Reply, Run

ENTRY = pytest.StashKey[Entry]()
MODEL = pytest.StashKey[Model]()

ALONE = ("usepdb", "trace", "setupshow", "setuponly", "setupplan", "stepwise", "stepwise_skip")
"""Options of pytest under which cases run one after the other."""
NOTHING = "no cases: nothing was collected"

Planned = tuple[Arm, pytest.Item]


class EvalItem(pytest.Function):
    """For the type checker: a test of an eval file."""

    parent: pytest.Collector


class Evaluation:
    """Runs the eval items of one pytest session.

    `recording`: keep results for the gate, so a wrong answer does not fail its test. `model_names()`: what --model takes,
    for the message that it is missing.
    """

    def __init__(
        self,
        request: EvalRequest,
        *,
        recording: bool,
        on_event: Callable[[Event], None] = lambda event: None,
        model_names: Callable[[], str] = lambda: "an arm",
    ) -> None:
        self.request, self.recording, self._on_event, self._model_names = request, recording, on_event, model_names
        self.answerer = Answerer(
            request.arms, request.replies, request.batch_size, on_event, Purse(request.cost), request.recalled
        )
        self.bench = RunBench(request, self.answerer, brief=not recording)
        self._nearest = Nearest(request.datasets)
        self.book = Book(request.arms, self.answerer, self._nearest)
        self.suites: dict[tuple[str, str], SuiteCases] = {}
        self.entries: list[Entry] = []
        self.mistakes: list[str] = []
        """What a dry run finds in eval functions; see `harness.evaluate.runner.mistakes`."""
        self._arm = request.arms[0] if request.arms else None
        self._tree = SetupTree()
        self._plan: list[Planned] = []
        self._position = 0
        self._spared = False
        """Whether cases were found, all or some of which other shards run."""
        self._benched: Token[AskerBench] | None = None
        """Set while judges and simulated users reach this run's models."""

    # ------------------------------------------------------------ collection

    @pytest.hookimpl
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if is_eval(metafunc.definition):
            try:
                self.suites[suite_key(metafunc.definition)] = parametrize(
                    metafunc, self.request, self.bench, lenient=not self.recording
                )
            except TrueupError as error:
                raise pytest.Collector.CollectError(str(error)) from error

    @pytest.hookimpl
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """-k finds a case by its tags, and by tags and owner of its suite."""
        if is_eval(item):
            suite = self.suites[suite_key(item)].suite
            item.extra_keyword_matches.update((*suite.tags, suite.owner, *case_of(item)[1].tags))
            item.extra_keyword_matches.discard("")

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            text = " | ".join(filter(None, [_last_lines(report.longreprtext), mistakes.hint(report.longreprtext)]))
            self.book.problems.append(f"{report.nodeid} could not be collected: {text}")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        if not self.request.shard:
            return
        keys = {item: (*suite_key(item), case_of(item)[0]) for item in items if is_eval(item)}
        order = (lambda key: drawn(key[-1])) if self.request.drawn else None
        mine = members(keys.values(), self.request.shard, order)
        kept = [item for item in items if item not in keys or keys[item] in mine]
        config.hook.pytest_deselected(items=list({*items} - {*kept}))
        items[:] = kept
        self._spared = len(keys) > 0

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        evals = [item for item in session.items if is_eval(item)]
        for item in evals:
            found = self.suites[suite_key(item)]
            ident, case, repeat = case_of(item)
            item.stash[ENTRY] = Entry(found, ident, case, repeat)
            self.entries.append(item.stash[ENTRY])
        if session.config.option.collectonly:
            first = {suite_key(item): item for item in reversed(evals)}
            found_in = ((key, item) for key, item in reversed(first.items()))
            self.mistakes = [told for key, item in found_in for told in mistakes.of_item(item, self.suites[key].cases)]
        if not evals and not self._spared:
            self.book.problems.append(NOTHING)
        elif not self.request.arms and not session.config.option.collectonly:
            self._without_model(evals, session)

    def _without_model(self, evals: Sequence[pytest.Item], session: pytest.Session) -> None:
        """Nobody named a model: in a run of everything the cases are skipped; where evals were asked for it is a mistake."""
        asked_for = session.config.args_source is pytest.Config.ArgsSource.ARGS
        if asked_for and len(evals) == len(session.items):
            names = self._model_names()
            raise pytest.UsageError(f"eval files need a model\n  next:  pytest ... --model NAME; NAME is {names}")
        for item in evals:
            item.add_marker(pytest.mark.skip(reason="an eval case needs a model: pytest ... --model NAME"))

    # ------------------------------------------------------------ the run

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        option = session.config.option
        if option.collectonly or (session.testsfailed and not option.continue_on_collection_errors):
            return None  # pytest says it better
        if hasattr(session.config, "workerinput"):  # of pytest-xdist, which hands out tests one at a time
            self._try_askers()
            return None
        arms = self.request.arms
        if not arms:
            return None  # every case is skipped
        others: list[Planned] = [(arms[0], item) for item in session.items if not is_eval(item)]
        self._plan = others + [(arm, item) for arm in arms for item in session.items if is_eval(item)]
        use_setup_state(session, self._tree)
        self._try_askers()
        for arm in arms:
            self._run_arm(arm, session)
        return True

    def _try_askers(self) -> None:
        """Before anything is graded: the cases of a judge or a user that does not pass its trial are errors, not zeros."""
        self._benched = ASKERS.set(self.bench)
        for found in {id(entry.suite): entry.suite for entry in self.entries}.values():
            self.bench.try_all(found.askers, found.cases)
            found.calibrations = self.bench.calibrations_of(found.askers)
            found.suite = replace(found.suite, users=self.bench.trials_of(found.askers))

    def _run_arm(self, arm: Arm, session: pytest.Session) -> None:
        started = time.perf_counter()
        self._arm = arm
        answer = self._answer_for(arm)
        total = sum(planned is arm for planned, _ in self._plan)
        self._on_event({"event": "start", "arm": arm.name, "total": total})
        ended = run(self._jobs(arm, session), answer, self._at_once(arm))
        for done, _ in enumerate(ended, start=1):
            self._on_event({"event": "case", "arm": arm.name, "done": done, "total": total})
            _check_stop(session)
        self.book.took(arm, time.perf_counter() - started, self.bench.spent())

    def _at_once(self, arm: Arm) -> int:
        """Cases that are live at the same time."""
        size = self.answerer.size(arm)
        return min(size, AT_ONCE) if self.request.application and not self.request.batch_size else size

    def _jobs(self, arm: Arm, session: pytest.Session) -> Iterator[BatchJob | None]:
        """The arm's tests in order, each prepared when there is room for it."""
        alone = one_at_a_time(session.config)
        while self._position < len(self._plan) and self._plan[self._position][0] is arm:
            item = self._plan[self._position][1]
            if alone or not is_eval(item):
                yield BARRIER
                self._position += 1
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=self._next_item())
                _check_stop(session)
            else:
                if not may_join(self._tree, item):
                    yield BARRIER
                self._position += 1
                yield LiveCase(item, self._next_item).job

    def _next_item(self) -> pytest.Item | None:
        return self._plan[self._position][1] if self._position < len(self._plan) else None

    def _answer_for(self, arm: Arm) -> Callable[[Sequence[Question]], list[Reply | Exception]]:
        return lambda questions: self.bench.answer(questions, arm)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        live = item.stash.get(LIVE, None)
        if live is None:
            return None
        live.protocol()
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        self._tree.leave(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        if not is_eval(pyfuncitem):
            return None
        live = pyfuncitem.stash.get(LIVE, None)
        if live is None:
            call = EvalCall(pyfuncitem.obj, lambda: arguments(pyfuncitem))
            self._settle(pyfuncitem, call, *_ended(call))
            return True
        live.stretch()
        if live.job.ended:
            self._settle(pyfuncitem, live.call, live.job.value, live.job.error)
        return True

    def _settle(self, item: pytest.Function, call: EvalCall, value: Any, error: BaseException | None) -> None:
        """Record the outcome; raise it where the test is to show it."""
        entry, model = item.stash[ENTRY], item.stash.get(MODEL, None)
        assert self._arm is not None
        if error is not None and not isinstance(error, (Exception, pytest.fail.Exception, pytest.skip.Exception)):
            raise error  # KeyboardInterrupt, pytest.exit(), a debugger that quits
        if isinstance(error, NotRecordedError) and not self.recording:
            error = pytest.skip.Exception(error.what)  # what production was never asked is no failure of its answers
        result = self.book.outcome(self._arm, entry, model, value, error)
        error = (model.failed() if model is not None else None) or error
        if result.error or not self.recording or (error is not None and not is_wrong(error)):
            show(item, call.frame, result, entry, model, error)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        if call.excinfo is not None and call.when != "call" and is_eval(item) and self._arm is not None:
            self.book.broken(self._arm, item.stash[ENTRY], call.excinfo.value)
        report: pytest.TestReport = yield
        if call.when == "call" and SUMMARY in item.stash:
            polish(report, item.stash[SUMMARY])
        return report

    @pytest.hookimpl
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._tree.abandon()  # pytest tears down now what an aborted run left set up
        if self._benched is not None:
            ASKERS.reset(self._benched)
        notes = self.answerer.notes()
        self.answerer.close()
        if not session.config.option.collectonly:
            try:
                if self.request.application and self.book.asked_nothing():
                    raise InvalidError(
                        "the application asked no model for any case, so it says nothing of the arm",
                        where=self.request.application.command,
                        next="let it use OPENAI_BASE_URL; see docs/how-to/evaluate-your-app.md",
                    )
                self.conclude(self.book.runs(self.entries, environment() | notes))
            except TrueupError as error:
                self.complain(error)

    def complain(self, error: TrueupError) -> None:
        """Say what went wrong when all cases had run."""
        pytest.exit(str(error), returncode=int(error.exit))

    def conclude(self, runs: Sequence[Run]) -> None:
        """What becomes of the runs: traces, where these are asked for."""
        if self.request.otel:
            from harness.evaluate.runner import otel  # it brings the OpenTelemetry SDK with it

            otel.export(runs, self.book.exchanges, self.request.otel)

    # ------------------------------------------------------------ what an eval function is given

    @pytest.fixture
    def model(self, request: pytest.FixtureRequest) -> Iterator[Model]:
        """The model under test, or the application that asks it, on behalf of this case."""
        arm, node = self._arm, request.node
        assert arm is not None
        entry = node.stash.get(ENTRY, None)
        identity = f"{entry.suite.suite.name} {entry.case_id}" if entry else node.nodeid
        answer, repeat = self._answer_for(arm), entry.repeat if entry else 0
        prompted = entry.suite.suite.prompt if entry else True
        fill = self._nearest.fill
        given = (arm, lambda asked: ask(asked, answer), identity, repeat, prompted, fill)
        application, case_id = self.request.application, entry.case_id if entry else node.name
        model = ApplicationModel(application, case_id, *given) if application else Model(*given)
        node.stash[MODEL] = model
        yield model
        model.close()


def is_eval(item: pytest.Item) -> TypeGuard[EvalItem]:
    return module_of(item) is not None


def suite_key(item: EvalItem) -> tuple[str, str]:
    """The file or class that holds an eval function, and the function's name there."""
    return item.parent.nodeid, item.originalname


def one_at_a_time(config: pytest.Config) -> bool:
    """Whether someone looks at single tests, or goes from one to the next: then each ends before the next begins."""
    return any(config.getoption(name, False) for name in ALONE)


def _ended(call: EvalCall) -> tuple[Any, BaseException | None]:
    try:
        return call(), None
    except BaseException as error:
        return None, error


def _check_stop(session: pytest.Session) -> None:
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)


OURS = re.compile(r"^harness\.errors\.\w+: ")
"""The name of an error of ours: what it says is enough."""


def _last_lines(text: str, count: int = 3) -> str:
    marked = [line for line in text.splitlines() if line.startswith("E ")]  # pytest's mark of what was raised
    lines = [OURS.sub("", line.removeprefix("E").strip()) for line in marked or text.splitlines() if line.strip()]
    return " | ".join(lines[-count:])
