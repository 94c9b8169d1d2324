"""Preview a training: its cost, its rows, and the proof that a kill loses nothing.

Nothing here leaves an adapter behind; `harness.loop.tune` does.
"""

import random
import shutil

from msgspec.structs import replace

from harness.errors import InvalidError
from harness.project import Project
from harness.tune import request as tune_request
from harness.tune import stage as tune_stage
from harness.tune.step import check_arm, check_model
from harness.types import Adapter, CurvePoint, Estimate, Noun, Preview, TuneRequest

PROOF_STEPS = 12
"""Steps of a training whose resumption is proved: enough for several checkpoints."""


class Proof(Noun, frozen=True):
    """A training that was killed once, and an undisturbed one, ended in the same bytes."""

    steps: int
    killed_at: int
    """The step that was done when its process was killed."""
    resumed_from: int
    """The step of the checkpoint that it went on from."""
    files: dict[str, str]
    """File name to the sha256 that both have."""


def estimate(project: Project) -> Estimate:
    """Steps, tokens, time and memory of `trueup tune`, from trial steps. Raises what the training would raise."""
    with project.progress.step("estimate"):
        return tune_stage.estimate(_latest(project), project.config.engine.processes)


def preview(project: Project, count: int) -> Preview:
    """`count` training rows token by token, and the fate of all. Raises what the training would raise."""
    with project.progress.step("preview"):
        return tune_stage.preview(_latest(project), count)


def prove_resume(project: Project) -> Proof:
    """Train a few steps, kill the process at a random one, go on; and train the same undisturbed.

    Raises InvalidError when a byte of the two adapters differs, UsageError when the training would ask a provider, who
    would be paid for three trainings that nobody wants.
    """
    request = tune_request.unpaid(project, "a trial")
    steps = min(request.recipe.max_steps or PROOF_STEPS, PROOF_STEPS)
    recipe = replace(request.recipe, max_steps=steps, checkpoint_every=max(1, steps // 4), patience=0)
    folder = project.store.artifacts.scratch("prove-resume")
    killed = replace(request, recipe=recipe, out=str(folder / "killed"))
    step = random.SystemRandom().randint(1, max(1, steps - 1))
    with project.progress.step("prove"):
        _kill(killed, step)
        first: list[int] = []
        again = tune_stage.tune(killed, on_point=lambda point, total: first.append(point.step))
        whole = tune_stage.tune(replace(killed, out=str(folder / "whole")))
    differ = _differing(again, whole)
    if differ:
        raise InvalidError(
            f"killed at step {step} and resumed, the training ended in other bytes: {', '.join(differ)}",
            where=str(folder),
            next="on a GPU set dtype = float32 and try again; on a CPU this is a defect, please report it",
        )
    shutil.rmtree(folder, ignore_errors=True)
    return Proof(steps=steps, killed_at=step, resumed_from=max(0, first[0] - 1), files=again.files)


def _latest(project: Project) -> TuneRequest:
    request = tune_request.latest(project)
    check_model(request)
    check_arm(project.config)
    return request


class _Killed(Exception):
    """Ends a training from outside: the engine kills its process when the listener fails."""


def _kill(request: TuneRequest, step: int) -> None:
    def on_point(point: CurvePoint, steps: int) -> None:
        if point.step >= step:
            raise _Killed

    try:
        tune_stage.tune(request, on_point=on_point)
    except _Killed:
        return


def _differing(first: Adapter, second: Adapter) -> list[str]:
    names = sorted(first.files.keys() | second.files.keys())
    return [name for name in names if first.files.get(name) != second.files.get(name)]
