"""Serve `harness.evaluate.reward_client`: a pytest session that stays open and runs one suite on answers as they come.

Whatever the suite is made of (fixtures, assertions, several scores) is run by pytest as in an evaluation; only the model
is a stand-in, which hands out the answer that is to be judged and notes what it was asked.

    python -P -m harness.evaluate.runner.reward_worker 5     started by a `Worker`: the request, then batches of answers
"""

import sys
from collections.abc import Iterator
from itertools import pairwise

import pytest

from harness.core import worker
from harness.core.codec import decode, encode
from harness.core.worker import Parent
from harness.errors import InputError, InvalidError, TrueupError, UsageError
from harness.evaluate.reward_client import Answer, JudgedAnswer, JudgeRequest
from harness.evaluate.runner.collection import SuiteCases, parametrize, suite_name
from harness.evaluate.runner.model import Model
from harness.evaluate.runner.session import ENTRY, NOTHING, EvalItem, Evaluation, is_eval, suite_key
from harness.types import Arm, Budget, EvalRequest, Reply, Request
from trueup.pytest_plugin import NAME

QUIET = ("-q", "--tb=no", "--no-summary", "-p", "no:cacheprovider", "-p", "no:warnings", "-o", "addopts=")


class Judging(Evaluation):
    """One suite over given cases, run once for each answer that comes in."""

    def __init__(self, asked: JudgeRequest, batches: Iterator[tuple[Answer, ...]], parent: Parent) -> None:
        self._arm_given = Arm(name="given", backend="constant", prompt=asked.prompt)
        request = EvalRequest(arms=(self._arm_given,), paths=asked.paths, out="", repeats=1, cases=asked.cases)
        super().__init__(request, recording=True)
        self._wanted, self._batches, self._parent = asked.suite, batches, parent
        self._names: list[str] = []
        self._reply: Reply | None = None
        self._request: Request | None = None

    @pytest.hookimpl
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if not is_eval(metafunc.definition):
            return
        name = suite_name(metafunc.definition, self.request.paths)
        self._names.append(name)
        if self._is_wanted(name):
            try:
                self.suites[suite_key(metafunc.definition)] = parametrize(metafunc, self.request, self.bench)
            except TrueupError as error:
                raise pytest.Collector.CollectError(str(error)) from error

    @pytest.hookimpl
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Nothing is selected by tag here, and the suites that are not asked for have none."""

    @pytest.hookimpl
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if is_eval(item) and self._suite_of(item)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        try:
            suite = self._the_suite().suite
        except TrueupError as error:
            self._parent.failed(error)
            return True
        self._parent.result(encode(suite))
        session._setupstate = self._tree
        items = {entry.case.id: item for item in session.items if (entry := item.stash[ENTRY]).repeat == 0}
        for answers in self._batches:
            turns = [*(items.get(answer.case_id) for answer in answers), None]
            judged = [
                self._judge(item, answer, following)
                for (item, following), answer in zip(pairwise(turns), answers, strict=True)
            ]
            self._parent.result(encode(judged))
        return True

    def _the_suite(self) -> SuiteCases:
        known = f"known: {', '.join(self._names) or 'none'}"
        broken = [problem for problem in self.book.problems if problem != NOTHING]
        if not self.suites and broken:
            raise InvalidError(f"the eval files do not load: {broken[0]}", where=self._wanted, next="mend that file")
        if not self.suites:
            raise UsageError(f"there is no suite named {self._wanted!r}", next=known)
        if len(self.suites) > 1:
            raise UsageError(f"several suites are named {self._wanted!r}", next=known)
        (found,) = self.suites.values()
        if isinstance(found.suite.role, Budget):
            raise UsageError("a budget cannot judge answers: less of it is better", where=found.suite.name, next=known)
        return found

    def _judge(self, item: pytest.Item | None, answer: Answer, following: pytest.Item | None) -> JudgedAnswer:
        if item is None:
            return JudgedAnswer(error=f"{answer.case_id} is no case of the suite")
        self._reply, self._request = answer.reply, None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        entry = item.stash[ENTRY]
        result = self.book.result(self._arm_given, entry)
        assert result is not None
        if result.error or result.skipped:
            return JudgedAnswer(error=result.error or f"skipped: {result.skipped}", request=self._request)
        value = result.score(entry.suite.suite.metric)
        return JudgedAnswer(
            value=0.0 if value is None else value, request=self._request
        )  # None: an assertion came first

    @pytest.fixture
    def model(self, request: pytest.FixtureRequest) -> Model:
        """A stand-in that gives the answer that is being judged."""
        entry = request.node.stash.get(ENTRY, None)
        prompted = entry.suite.suite.prompt if entry else True
        return Model(self._arm_given, self._give, prompted=prompted)

    def _give(self, request: Request) -> Reply:
        if request.kind != "chat":
            raise InputError("a suite that asks for likelihoods cannot judge an answer")
        if self._request is not None or self._reply is None:
            raise InputError("a suite that asks more than once cannot judge a single answer")
        self._request = request
        return self._reply

    def _is_wanted(self, name: str) -> bool:
        return name == self._wanted or name.endswith((f"::{self._wanted}", f"/{self._wanted}"))

    def _suite_of(self, item: EvalItem) -> SuiteCases | None:
        return self.suites.get(suite_key(item))


class Registered:
    """Puts the judging in the place of the evaluation that an eval file would start."""

    def __init__(self, judging: Judging) -> None:
        self._judging = judging

    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._judging, NAME)


def main() -> None:
    """Serve until no further request comes."""
    parent = worker.parent()
    requests = parent.requests()
    asked = decode(next(requests), JudgeRequest)
    judging = Judging(asked, (decode(line, tuple[Answer, ...]) for line in requests), parent)
    tolerant = ["--import-mode=importlib", "--continue-on-collection-errors", "-p", "trueup"]
    sys.exit(pytest.main([*tolerant, *QUIET, *asked.pytest_args, *asked.paths], plugins=[Registered(judging)]))


if __name__ == "__main__":
    main()
