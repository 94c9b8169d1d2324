"""Run eval functions on answers that are already there: a pytest session that stays open, with a stand-in for the model.

What the eval file is made of (fixtures, assertions, several scores) is run by pytest as in an evaluation; only the model
hands out the given answer and notes what it was asked. `serve` is the main function of such a child process.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import pytest

from harness.core import worker
from harness.core.codec import decode
from harness.core.worker import Parent
from harness.errors import InputError
from harness.evaluate.runner.model import Model
from harness.evaluate.runner.private_pytest import report_sections, use_setup_state
from harness.evaluate.runner.session import ENTRY, Evaluation
from harness.evaluate.runner.survey import TOLERANT
from harness.types import Arm, EvalRequest, Prompt, Reply, Request, Result
from trueup.pytest_plugin import NAME

T = TypeVar("T")
QUIET = ("-q", "--tb=no", "--no-summary", "-p", "no:cacheprovider", "-p", "no:warnings", "-o", "addopts=")


class StandIn(Evaluation):
    """An evaluation whose model gives the answers that it is handed."""

    def __init__(self, paths: tuple[str, ...], prompt: Prompt = Prompt(name="none"), cases: str = "") -> None:
        self._arm_given = Arm(name="given", backend="constant", prompt=prompt)
        request = EvalRequest(arms=(self._arm_given,), paths=paths, out="", repeats=1, cases=cases)
        super().__init__(request, recording=True)
        self._reply: Reply | None = None
        self.asked: Request | None = None
        """What the eval function asked for the answer at hand; None when it did not yet."""

    def stay_open(self, session: pytest.Session) -> None:
        """Get ready for any number of answers: nobody keeps a report of each."""
        use_setup_state(session, self._tree)
        session.config.pluginmanager.unregister(name="terminalreporter")

    def run_item(self, item: pytest.Item, reply: Reply | None, following: pytest.Item | None) -> Result:
        """Run a collected test once, on this reply. `following` is the test that comes next, as for pytest."""
        self._reply, self.asked = reply, None
        report_sections(item).clear()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        result = self.book.result(self._arm_given, item.stash[ENTRY])
        assert result is not None
        return result

    @pytest.fixture
    def model(self, request: pytest.FixtureRequest) -> Model:
        """A stand-in that gives the answer that is being judged."""
        entry = request.node.stash.get(ENTRY, None)
        prompted = entry.suite.suite.prompt if entry else True
        return Model(self._arm_given, self._give, prompted=prompted)

    def _give(self, request: Request) -> Reply:
        if request.kind != "chat":
            raise InputError("a suite that asks for likelihoods cannot judge an answer")
        if self.asked is not None or self._reply is None:
            raise InputError(
                "a suite that asks more than once cannot judge a single answer",
                next="reinforcement plays such suites with sessions = true under [tune.options]",
            )
        self.asked = request
        return self._reply


class Asked(Protocol):
    """The first line of a child: which eval files it runs, and further arguments of pytest."""

    @property
    def paths(self) -> tuple[str, ...]: ...
    @property
    def pytest_args(self) -> tuple[str, ...]: ...


A = TypeVar("A", bound=Asked)


class _Registered:
    """Puts the stand-in in the place of the evaluation that an eval file would start."""

    def __init__(self, evaluation: StandIn) -> None:
        self._evaluation = evaluation

    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._evaluation, NAME)


def serve(first: type[A], batch: type[T], make: Callable[[A, Iterator[T], Parent], StandIn]) -> None:
    """Serve the parent process until no further request comes.

    The first request is a `first`, every other a `batch`; `make` gets the first, the batches, and the parent to answer.
    """
    parent = worker.parent()
    requests = parent.requests()
    asked = decode(next(requests), first)
    evaluation = make(asked, (decode(line, batch) for line in requests), parent)
    sys.exit(pytest.main([*TOLERANT, *QUIET, *asked.pytest_args, *asked.paths], plugins=[_Registered(evaluation)]))
