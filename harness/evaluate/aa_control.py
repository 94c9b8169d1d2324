"""Ask the base model again as an A/A control, to tell noise from change.

Off by default, since it costs one more pass of the base model over the suites, once until they change:

    [eval]
    control = true

The second pass is put into smaller batches, because that is the one thing in which two greedy runs of one model may
differ. Suites with repeats need no control: their repeats are one.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from harness.core.codec import digest
from harness.evaluate import stage as evaluate_stage
from harness.project import Project
from harness.types import Arm, EvalRequest

REPEATS, BATCH = 2, 8
"""The first repeat is in the reply cache; the second is asked in batches of this size, or of half the project's."""


def measure(project: Project, arms: Sequence[Arm], request: EvalRequest, keys: dict[str, str]) -> tuple[str, ...]:
    """Content ids of the control runs: of the policy's first baseline, where `[eval] control` asks for it."""
    found = []
    for arm in arms:
        if project.config.eval.control and arm.name == project.config.gate.baselines[0] and request.repeats < REPEATS:
            key = digest(["control", keys[arm.name], BATCH])
            known = project.recalled("run", key, "run")
            if not known:
                known = _asked_again(project, arm, request)
                project.store.memo.remember("run", key, known)
            found.append(known)
    return tuple(found)


def _asked_again(project: Project, arm: Arm, request: EvalRequest) -> str:
    smaller = max(request.batch_size // 2, 1) if request.batch_size else BATCH
    again = replace(request, arms=(arm,), repeats=REPEATS, batch_size=smaller)
    (run,) = evaluate_stage.evaluate(again)
    return project.store.artifacts.put("run", run)
