"""Open the judges of one run: which model each asks, and whether it has passed its trial.

A judge's question waits like any other. All cases have their answers from the model under test before the first of them
asks a judge, so judges get full batches too, and one model works at a time.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from harness.core.plugins import load
from harness.errors import InvalidError, UsageError
from harness.evaluate.batching import ask
from harness.evaluate.judging.judge import Judge
from harness.evaluate.judging.trial import exhibits, trial
from harness.evaluate.runner import usage
from harness.evaluate.runner.answering import Answerer
from harness.evaluate.runner.cases import load_cases
from harness.types import Arm, Calibration, Case, EvalRequest, Reply, Request, Spent

PREFIX = "judge:"
SCRIPTED = "scripted:"

Question = Request | tuple[Arm, Request]
"""Asked of the model under test, or of the model that goes with it."""


class RunBench:
    """Answers judges. `calibrations` holds the outcome of each trial, by judge.

    A trial of a model that may change behind its name is held anew each night, and replies of other nights are only taken
    from the cache when it judged the labelled answers then as it does now.
    """

    def __init__(self, request: EvalRequest, answerer: Answerer, brief: bool = False) -> None:
        """`brief`: hold each trial with a few labels and attacks, for a first look."""
        self._request, self._answerer, self._brief = request, answerer, brief
        self.calibrations: dict[Judge, Calibration] = {}
        self._arms: dict[Judge, Arm] = {}
        self._spent: list[Spent] = []

    def arm(self, judge: Judge) -> Arm:
        """The model that a judge asks. Raises UsageError when there is none of that name."""
        if judge.by.startswith(SCRIPTED):
            file = str(judge.folder / judge.by.removeprefix(SCRIPTED))
            return Arm(name=f"{PREFIX}{file}", backend="scripted", model=file)
        known = {arm.name: replace(arm, name=f"{PREFIX}{arm.name}") for arm in self._request.judges}
        if judge.by not in known:
            there = ", ".join(known) or "none yet"
            raise UsageError(
                f"the judge {judge.name!r} asks the model {judge.by!r}, which trueup.toml does not name",
                where=str(judge.folder),
                next=f"add [judges.{judge.by}] with `model` and `backend`; there is {there}",
            )
        return known[judge.by]

    def content(self, judge: Judge, folder: Path) -> list[Any]:
        """All that its scores depend on: itself, its model, and the labels that it is held against.

        Raises InputError when rubric or labels cannot be read, UsageError when there is no such model.
        """
        judge.folder = folder
        labelled = self._labelled(judge)
        exhibits(judge, labelled)
        return [self._digest(judge), labelled, judge.min_kappa, judge.pin, judge.most_bias]

    def try_all(self, judges: Iterable[Judge]) -> None:
        """Put each judge on trial; what comes of it stands in `calibrations`."""
        for judge in (one for one in judges if one not in self.calibrations):
            arm = self._arms[judge] = self._own_arm(judge)
            self._answerer.join(arm)
            answer = self._by_batches(judge, arm)
            found = trial(judge, self._digest(judge), self._labelled(judge), answer, self.bare(judge), self._brief)
            self.calibrations[judge] = found
            if _drifts(arm):
                self._answerer.probed(arm, found.probe)

    def _own_arm(self, judge: Judge) -> Arm:
        """Of a model that may change behind its name, each judge has one of its own, whose replies go by its trial."""
        arm = self.arm(judge)
        return replace(arm, name=f"{arm.name}, {judge.name}") if _drifts(arm) else arm

    def bare(self, judge: Judge) -> bool:
        """Whether its backend cannot hold a reply to a schema, so that likelihoods decide."""
        return not getattr(load("backends", self.arm(judge).backend), "SCHEMA", False)

    def admit(self, judge: Judge) -> None:
        """Raises InvalidError when the judge does not count: then its cases are errors, not zeros."""
        if judge not in self.calibrations:
            raise UsageError(f"the judge {judge.name!r} was not found", next="make it at the top of the eval file")
        if self.calibrations[judge].problem:
            raise InvalidError(f"the judge {judge.name!r} does not count: {self.calibrations[judge].problem}")

    def ask(self, judge: Judge, request: Request) -> Reply:
        """The judge's reply, in a batch with those to other cases."""
        arm = self._arms[judge]
        reply: Reply = ask((arm, request), lambda questions: self.answer(questions, arm))
        self._spent.append(usage.of_reply(f"judge {judge.name}", reply))
        return reply

    def spent(self) -> tuple[Spent, ...]:
        """What each judge took since this was last asked."""
        spent, self._spent = usage.together(self._spent), []
        return spent

    def answer(self, questions: Sequence[Question], arm: Arm) -> list[Reply | Exception]:
        """Answer a batch in which some ask a judge's model and the others `arm`."""
        asked = [one if isinstance(one, tuple) else (arm, one) for one in questions]
        answers: dict[int, Reply | Exception] = {}
        for to in {to.name: to for to, _ in asked}.values():
            places = [place for place, (other, _) in enumerate(asked) if other.name == to.name]
            answers.update(zip(places, self._answerer.answer(to, [asked[place][1] for place in places]), strict=True))
        return [answers[place] for place in range(len(asked))]

    def _digest(self, judge: Judge) -> str:
        arm = self.arm(judge)
        return judge.digest(load("backends", arm.backend).digest(arm))

    def _labelled(self, judge: Judge) -> tuple[Case, ...]:
        return load_cases(judge.calibration, folder=judge.folder, datasets={}) if judge.calibration else ()

    def _by_batches(self, judge: Judge, arm: Arm) -> Callable[[Sequence[Request]], list[Reply | Exception]]:
        """Asks a judge's model in its trial."""
        size, name = self._answerer.size(arm), f"judge {judge.name}, its trial"

        def answer(requests: Sequence[Request]) -> list[Reply | Exception]:
            starts = range(0, len(requests), size)
            ask = self._answerer.ask_anew if _drifts(arm) else self._answerer.answer
            given = [reply for start in starts for reply in ask(arm, requests[start : start + size])]
            self._spent += [usage.of_reply(name, reply) for reply in given if isinstance(reply, Reply)]
            return given

        return answer


def _drifts(arm: Arm) -> bool:
    """Is its model known by its name only, as behind an endpoint? Then what it said on another night proves nothing."""
    return bool(getattr(load("backends", arm.backend), "DRIFTS", False))
