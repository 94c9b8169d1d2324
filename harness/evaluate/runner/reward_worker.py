"""Serve `harness.evaluate.reward_client`: a pytest session that stays open and runs one suite on answers as they come.

Whatever the suite is made of (fixtures, assertions, several scores) is run by pytest as in an evaluation; only the model
is a stand-in, which hands out the answer that is to be judged and notes what it was asked.

    python -P -m harness.evaluate.runner.reward_worker 5     started by a `Worker`: the request, then batches of answers
"""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from harness.core.codec import encode
from harness.core.worker import Parent
from harness.errors import InvalidError, TrueupError, UsageError
from harness.evaluate.reward_client import Answer, JudgedAnswer, JudgeRequest
from harness.evaluate.runner.collection import SuiteCases, parametrize, suite_name
from harness.evaluate.runner.session import ENTRY, NOTHING, EvalItem, is_eval, suite_key
from harness.evaluate.runner.stand_in import StandIn, serve
from harness.types import Budget, Reply, Request


class Judging(StandIn):
    """One suite over given cases, run once for each answer that comes in."""

    def __init__(self, asked: JudgeRequest, batches: Iterator[tuple[Answer, ...]], parent: Parent) -> None:
        super().__init__(asked.paths, prompt=asked.prompt, cases=asked.cases)
        self._wanted, self._batches, self._parent = asked.suite, batches, parent
        self._names: list[str] = []

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
        self.stay_open(session)
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
            raise InvalidError(f"the eval files do not load: {broken[0]}", where=self._wanted, next="fix that file")
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
        entry = item.stash[ENTRY]
        result = self.run_item(item, answer.reply, following)
        if result.error or result.skipped:
            return JudgedAnswer(error=result.error or f"skipped: {result.skipped}", request=self.asked)
        value = result.score(entry.suite.suite.metric)
        return JudgedAnswer(value=0.0 if value is None else value, request=self.asked)  # None: an assertion came first

    def _give(self, request: Request) -> Reply:
        """The answer at hand; where there is none, the parent is asked for each request of the session."""
        if self._reply is not None or request.kind != "chat":
            return super()._give(request)
        self.asked = self.asked or request
        self._parent.result(encode([JudgedAnswer(request=request, waits=True)]))
        (answer,) = next(self._batches)
        assert answer.reply is not None
        return answer.reply

    def _is_wanted(self, name: str) -> bool:
        return name == self._wanted or name.endswith((f"::{self._wanted}", f"/{self._wanted}"))

    def _suite_of(self, item: EvalItem) -> SuiteCases | None:
        return self.suites.get(suite_key(item))


def main() -> None:
    """Serve until no further request comes."""
    serve(JudgeRequest, tuple[Answer, ...], Judging)


if __name__ == "__main__":
    main()
