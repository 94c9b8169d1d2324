"""Search for the best training settings, by successive halving on rows that neither trained nor are held out.

Every combination gets a short training; the better third goes on to one three times as long, and so on, until the last
have the full length (Jamieson and Talwalkar, arXiv 1502.07943). Each training is one of its own, with its whole schedule,
so the winner is what `trueup tune` gives with the same knobs. A training that is done is recalled, so a sweep that was
killed goes on where it was.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import asdict, replace

from harness.core.codec import digest
from harness.errors import UndecidedError, UsageError
from harness.project import Project
from harness.tune import request as tune_request
from harness.tune import stage as tune_stage
from harness.types import Adapter, Noun, Recipe, TuneRequest

KEEP = 3
"""One of so many goes on to the next, so many times longer round."""
KNOBS = ("learning_rate", "rank", "epochs", "replay_share")
EPOCHS = 3.0
"""Full length where the recipe leaves it open."""


class PartTraining(Noun, frozen=True):
    """A training of a part of its epochs, and how well it did."""

    epochs: float
    score: float
    """Task score of its best checkpoint on the rows set aside."""
    loss: float
    """Loss on the same rows, in nats a token; decides between equal scores."""
    seconds: float = 0.0

    @property
    def rank(self) -> tuple[float, float]:
        return (-self.score, self.loss)


class SweepTrial(PartTraining, frozen=True, kw_only=True):
    """One combination, trained for a part of its epochs."""

    knobs: dict[str, float]
    round: int


def sweep(project: Project, grid: Mapping[str, Sequence[float]]) -> list[SweepTrial]:
    """All trials, the winner first, then by round and score. `grid`: knob to the values to try.

    Raises UsageError on a knob that is not swept, a grid of one, or a method that asks an endpoint; UndecidedError when
    nothing can be measured on rows that are set aside.
    """
    unknown = [knob for knob in grid if knob not in KNOBS]
    if unknown:
        raise UsageError(f"{unknown[0]} is not swept", next=f"known: {', '.join(KNOBS)}")
    combinations = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    if len(combinations) < 2:
        raise UsageError(
            "there is nothing to choose from", next="trueup tune --try sweep --learning-rate 3e-4 --learning-rate 1e-3"
        )
    request = _request(project)
    done: list[SweepTrial] = []
    rounds = _rounds(len(combinations))
    for number in range(rounds):
        share = KEEP ** (number - rounds + 1)
        with project.progress.step(f"round {number + 1}"):
            trials = []
            for place, knobs in enumerate(combinations):
                project.progress.update(place, len(combinations), _words(knobs))
                trials.append(_trial(project, request, knobs, number + 1, share))
        trials.sort(key=lambda trial: trial.rank)
        project.progress.note(f"best of {len(trials)}: {_words(trials[0].knobs)}, task score {trials[0].score:.3f}")
        done = trials + done
        combinations = [trial.knobs for trial in trials[: max(1, len(trials) // KEEP)]]
    return done


def recipe_of(recipe: Recipe, knobs: Mapping[str, float]) -> Recipe:
    """The recipe with a trial's knobs in place."""
    return replace(recipe, **{knob: int(value) if knob == "rank" else value for knob, value in knobs.items()})


def _request(project: Project) -> TuneRequest:
    """What every trial asks for, but for its knobs."""
    request = tune_request.unpaid(project, "every trial")
    share = Recipe().validation_share
    if request.recipe.validation_share:
        return request
    project.progress.note(
        f"[tune] validation_share is 0; a sweep chooses by rows that are set aside, so {share:.0%} are"
    )
    return replace(request, recipe=replace(request.recipe, validation_share=share))


def _rounds(candidates: int) -> int:
    """As many as leave one or two for the last."""
    return 1 + math.floor(math.log(candidates, KEEP) + 1e-9)


def _trial(project: Project, request: TuneRequest, knobs: dict[str, float], number: int, share: float) -> SweepTrial:
    part = trained(project, replace(request, recipe=recipe_of(request.recipe, knobs)), share)
    return SweepTrial(knobs=knobs, round=number, **asdict(part))


def trained(project: Project, request: TuneRequest, share: float) -> PartTraining:
    """A training with a share of its epochs, recalled where it was done before. Raises as `measured` does."""
    epochs = (request.recipe.epochs or EPOCHS) * share
    recipe = replace(request.recipe, epochs=epochs, max_steps=None, form="adapter")
    wanted = replace(request, recipe=recipe)
    folder = project.store.root / "work" / f"sweep-{digest(wanted)[:16]}" / "adapter"
    folder.parent.mkdir(parents=True, exist_ok=True)
    adapter = tune_stage.tune(replace(wanted, out=str(folder)), engine=project.config.engine)
    score, loss = measured(adapter, folder)
    return PartTraining(epochs=epochs, score=score, loss=loss, seconds=adapter.seconds)


def measured(adapter: Adapter, folder: Path) -> tuple[float, float]:
    """Task score and loss of the chosen checkpoint on the rows set aside. Raises UndecidedError when there were none."""
    for point in adapter.curve:
        if point.step == adapter.checks.get("chosen_step") and point.score is not None:
            return point.score, point.validation_loss or 0.0
    raise UndecidedError(
        "it is judged by the task score on rows that are set aside, and there was none: "
        f"{adapter.choices.get('checkpoint', 'this method has no such score')}",
        where=str(folder),
        next='ingest more feedback, or set method = "sft" under [tune]',
    )


def _words(knobs: Mapping[str, float]) -> str:
    return ", ".join(f"{knob} {value:g}" for knob, value in knobs.items())
