"""Open the models that judges, simulated users and simulators of tools ask, and try those that must pass a trial.

Their questions wait like any other, so they fill batches too. All cases have their answers from the model under test
before the first of them asks a judge, and one model works at a time.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from harness.core.plugins import load
from harness.errors import InvalidError, UsageError
from harness.evaluate.asker import ModelAsker
from harness.evaluate.batching import ask
from harness.evaluate.judging.judge import Judge
from harness.evaluate.judging.trial import exhibits, trial
from harness.evaluate.runner import usage
from harness.evaluate.runner.answering import Answerer
from harness.evaluate.runner.cases import load_cases
from harness.evaluate.sessions.user import SimulatedUser
from harness.evaluate.sessions.user_trial import trial as user_trial
from harness.types import Arm, Calibration, Case, EvalRequest, Reply, Request, Spent, UserTrial

SCRIPTED = "scripted:"

Question = Request | tuple[Arm, Request]
"""Asked of the model under test, or of the model that goes with it."""


class RunBench:
    """Answers askers. `calibrations` holds the outcome of each judge's trial, `trials` that of each simulated user's.

    A trial of a model that may change behind its name is held anew each night, and replies of other nights are only taken
    from the cache when it answered the trial then as it does now.
    """

    def __init__(self, request: EvalRequest, answerer: Answerer, brief: bool = False) -> None:
        """`brief`: hold each trial with a few labels, attacks or cases, for a first look."""
        self._request, self._answerer, self._brief = request, answerer, brief
        self.calibrations: dict[Judge, Calibration] = {}
        self.trials: dict[SimulatedUser, UserTrial] = {}
        self._arms: dict[ModelAsker, Arm] = {}
        self._spent: list[Spent] = []

    def arm(self, asker: ModelAsker) -> Arm:
        """The model that an asker asks. Raises UsageError when there is none of that name."""
        if asker.by.startswith(SCRIPTED):
            file = str(asker.folder / asker.by.removeprefix(SCRIPTED))
            return Arm(name=f"{asker.kind}:{file}", backend="scripted", model=file)
        known = {arm.name: replace(arm, name=f"{asker.kind}:{arm.name}") for arm in self._request.judges}
        if asker.by not in known:
            there = ", ".join(known) or "none yet"
            raise UsageError(
                f"the {asker.kind} {asker.name!r} asks the model {asker.by!r}, which trueup.toml does not name",
                where=str(asker.folder),
                next=f"add [judges.{asker.by}] with `model` and `backend`; there is {there}",
            )
        return known[asker.by]

    def content(self, asker: ModelAsker, folder: Path) -> list[Any]:
        """All that its answers depend on: itself, its model, and what it is held against.

        Raises InputError when rubric or labels cannot be read, UsageError when there is no such model.
        """
        asker.folder = folder
        if isinstance(asker, Judge):
            labelled = self._labelled(asker)
            exhibits(asker, labelled)
            return [self._digest(asker), labelled, asker.min_kappa, asker.pin, asker.most_bias]
        return [self._digest(asker), getattr(asker, "pin", "")]

    def try_all(self, askers: Iterable[ModelAsker], cases: Sequence[Case]) -> None:
        """Put each judge and each user on trial, a user with `cases`; what comes of it is in `calibrations` and `trials`."""
        for asker in (one for one in askers if one not in self._arms):
            arm = self._arms[asker] = self._own_arm(asker)
            self._answerer.join(arm)
            answer, digest, probe = self._by_batches(asker, arm), self._digest(asker), ""
            if isinstance(asker, Judge):
                held = trial(asker, digest, self._labelled(asker), answer, self.bare(asker), self._brief)
                self.calibrations[asker], probe = held, held.probe
            elif isinstance(asker, SimulatedUser):
                self.trials[asker] = tried = user_trial(asker, digest, cases, answer, self._brief)
                probe = tried.probe
            if _drifts(arm):
                self._answerer.probed(arm, probe)

    def calibrations_of(self, askers: Iterable[ModelAsker]) -> dict[str, Calibration]:
        """Name of each judge's score to the outcome of its trial."""
        return {asker.name: self.calibrations[asker] for asker in askers if isinstance(asker, Judge)}

    def trials_of(self, askers: Iterable[ModelAsker]) -> tuple[UserTrial, ...]:
        """The outcome of each simulated user's trial."""
        return tuple(self.trials[asker] for asker in askers if isinstance(asker, SimulatedUser))

    def _own_arm(self, asker: ModelAsker) -> Arm:
        """Of a model that may change behind its name, each asker has one of its own, whose replies go by its trial."""
        arm = self.arm(asker)
        return replace(arm, name=f"{arm.name}, {asker.name}") if _drifts(arm) else arm

    def bare(self, asker: ModelAsker) -> bool:
        """Whether its backend cannot hold a reply to a schema, so that likelihoods decide."""
        return not getattr(load("backends", self.arm(asker).backend), "SCHEMA", False)

    def admit(self, asker: ModelAsker) -> None:
        """Raises InvalidError when the asker does not count: then its cases are errors, not zeros."""
        if asker not in self._arms:
            raise UsageError(
                f"the {asker.kind} {asker.name!r} was not found", next="make it at the top of the eval file"
            )
        held: Calibration | UserTrial | None = None
        if isinstance(asker, Judge):
            held = self.calibrations[asker]
        elif isinstance(asker, SimulatedUser):
            held = self.trials[asker]
        if held is not None and held.problem:
            raise InvalidError(f"the {asker.kind} {asker.name!r} does not count: {held.problem}")

    def ask(self, asker: ModelAsker, request: Request) -> Reply:
        """The reply of the asker's model, in a batch with those to other cases."""
        arm = self._arms[asker]
        reply: Reply = ask((arm, request), lambda questions: self.answer(questions, arm))
        self._spent.append(usage.of_reply(f"{asker.kind} {asker.name}", reply))
        return reply

    def spent(self) -> tuple[Spent, ...]:
        """What each asker took since this was last asked."""
        spent, self._spent = usage.together(self._spent), []
        return spent

    def answer(self, questions: Sequence[Question], arm: Arm) -> list[Reply | Exception]:
        """Answer a batch in which some ask an asker's model and the others `arm`."""
        asked = [one if isinstance(one, tuple) else (arm, one) for one in questions]
        answers: dict[int, Reply | Exception] = {}
        for to in {to.name: to for to, _ in asked}.values():
            places = [place for place, (other, _) in enumerate(asked) if other.name == to.name]
            answers.update(zip(places, self._answerer.answer(to, [asked[place][1] for place in places]), strict=True))
        return [answers[place] for place in range(len(asked))]

    def _digest(self, asker: ModelAsker) -> str:
        arm = self.arm(asker)
        return asker.digest(load("backends", arm.backend).digest(arm))

    def _labelled(self, judge: Judge) -> tuple[Case, ...]:
        return load_cases(judge.calibration, folder=judge.folder, datasets={}) if judge.calibration else ()

    def _by_batches(self, asker: ModelAsker, arm: Arm) -> Callable[[Sequence[Request]], list[Reply | Exception]]:
        """Asks an asker's model in its trial."""
        size, name = self._answerer.size(arm), f"{asker.kind} {asker.name}, its trial"

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
