"""Ask the base model again as an A/A control, to tell noise from change.

Off by default, since it costs one more pass of the base model over the suites, whose replies are kept:

    [eval]
    control = true

The second pass is put into smaller batches, because that is the one thing in which two greedy runs of one model may
differ. Suites with repeats need no control: their repeats are one.
"""

from msgspec.structs import replace

from harness.evaluate import stage as evaluate_stage
from harness.project import Project
from harness.types import EvalRequest, Run

REPEATS, BATCH = 2, 8
"""The first repeat is in the reply cache; the second is asked in batches of this size, or of half the project's."""


def measure(project: Project, request: EvalRequest) -> tuple[Run, ...]:
    """The control runs: of the policy's first baseline, where `[eval] control` asks for it."""
    smaller = max(request.batch_size // 2, 1) if request.batch_size else BATCH
    arms = tuple(arm for arm in request.arms if arm.name == project.config.gate.baselines[0])
    if not (project.config.eval.control and arms and request.repeats < REPEATS):
        return ()
    again = replace(request, arms=arms, repeats=REPEATS, batch_size=smaller, otel="")
    return evaluate_stage.evaluate(again, purse=project.purse, engine=project.config.engine)
