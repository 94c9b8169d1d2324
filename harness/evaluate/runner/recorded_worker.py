"""Serve `harness.evaluate.recorded`: run eval functions on recorded calls.

python -P -m harness.evaluate.runner.recorded_worker 5     started by a `Worker`: the request, then batches of calls
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from harness.core.codec import encode
from harness.core.worker import Parent
from harness.errors import InputError, InvalidError
from harness.evaluate.recorded import RecordedAnswer, RecordedRequest, Verdicts
from harness.evaluate.runner.collection import SuiteCases
from harness.evaluate.runner.outcomes import PASSED
from harness.evaluate.runner.session import ENTRY, NOTHING, EvalItem, is_eval, suite_key
from harness.evaluate.runner.stand_in import StandIn, serve
from harness.types import Budget, Case, Reply, Result

GOLD = ("expected", "target", "rejected", "fields")
"""What a recorded call does not know of itself."""
REASON = 120
"""Characters of a reason."""


class WithoutGold:
    """A recorded call as a case: whatever asks what the answer should be cannot judge it."""

    def __init__(self, case: Case) -> None:
        self._case = case

    def __getattr__(self, name: str) -> Any:
        if name in GOLD:
            raise InputError(f"a recorded call has no `{name}`")
        return getattr(self._case, name)

    def __getitem__(self, key: str) -> Any:
        raise InputError(f"a recorded call has no column {key!r}")


class Recalling(StandIn):
    """Each eval function that takes a case and a model, run on each call that comes in."""

    def __init__(self, asked: RecordedRequest, batches: Iterator[tuple[RecordedAnswer, ...]], parent: Parent) -> None:
        super().__init__(asked.paths)
        self._batches, self._parent = batches, parent
        self._case = Case(id="")

    @pytest.fixture
    def case(self) -> WithoutGold:
        """The recorded call that is being judged."""
        return WithoutGold(self._case)

    @pytest.hookimpl
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """The function's own cases are left aside: production's calls stand in for them."""
        if is_eval(metafunc.definition):
            self.suites[suite_key(metafunc.definition)] = SuiteCases(metafunc.definition, (), self.request, self.bench)

    @pytest.hookimpl
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Nothing is selected by tag here."""

    @pytest.hookimpl
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        files = list(dict.fromkeys(item.path for item in items))
        kept = [
            (files.index(item.path), suite_key(item), at, item)
            for at, item in enumerate(items)
            if is_eval(item) and self._can_judge(item)
        ]
        items[:] = [item for *_, item in sorted(kept, key=lambda entry: entry[:3])]

    def _can_judge(self, item: EvalItem) -> bool:
        """Not a budget: less of it is better, so a zero is no failure. Not a function with a `case` of its own."""
        budget = isinstance(self.suites[suite_key(item)].suite.role, Budget)
        own_case = hasattr(item, "callspec") and "case" in item.callspec.params
        return {"case", "model"} <= {*item.fixturenames} and not (budget or own_case)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        broken = [problem for problem in self.book.problems if problem != NOTHING]
        if broken:
            problem = f"an eval file does not load: {broken[0]}"
            self._parent.failed(InvalidError(problem, next="run it with pytest"))
            return True
        self._parent.result(encode(None))
        self.stay_open(session)
        for answers in self._batches:
            self._parent.result(encode(self._judge(session.items, answers)))
        return True

    def _judge(self, items: Sequence[pytest.Item], answers: Sequence[RecordedAnswer]) -> list[Verdicts]:
        """Function by function, so that what a file sets up once serves all answers of the batch."""
        found: list[Verdicts] = [{} for _ in answers]
        names = Counter(item.name for item in items)
        turns = [(item, at) for item in items for at in range(len(answers))]
        for turn, (item, at) in enumerate(turns):
            following = turns[turn + 1][0] if turn + 1 < len(turns) else items[0]
            name = item.name if names[item.name] == 1 else item.nodeid
            found[at][name] = self._verdict(item, answers[at].case, answers[at].reply, following)
        return found

    def _verdict(self, item: pytest.Item, case: Case, reply: Reply, following: pytest.Item) -> str | None:
        self._case = case
        entry = item.stash[ENTRY]
        entry.case = case
        return _reason(self.run_item(item, reply, following))


def _reason(result: Result) -> str | None:
    """Why the answer fails; empty when it passes, None when the function could not judge it."""
    if result.error or result.skipped:
        return None
    zero = next((score for score in result.scores if score.value == 0), None)
    if zero is None:
        return ""
    lines = zero.explanation.splitlines() or [""]
    if zero.name == PASSED:
        return lines[0][:REASON] or "a check failed"
    return f"{zero.name} is 0. {zero.explanation}"[:REASON].strip()


def main() -> None:
    """Serve until no further request comes."""
    serve(RecordedRequest, tuple[RecordedAnswer, ...], Recalling)


if __name__ == "__main__":
    main()
