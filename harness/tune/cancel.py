"""Verbs on jobs that a provider runs for us. Apart from the loop, which only waits for them."""

from msgspec.structs import replace

from harness import project as shelf
from harness.evaluate import step as evaluate_step
from harness.project import Work
from harness.tune import request as lessons
from harness.tune import request as tune_request_of
from harness.tune import stage as tune_stage


def cancel(work: Work) -> str:
    """Cancel the job of the training that `trueup tune` would do now; returns the job's status.

    Raises UsageError when the recipe's method runs no jobs, InputError when none was started.
    """
    dataset = shelf.latest_dataset(work)
    request = lessons.complete(work, dataset, tune_request_of.tune_request(work, dataset))
    suites = evaluate_step.survey(work, dataset=dataset).suites if request.evals else ()
    folder = lessons.folder(work, lessons.key(request, dataset, suites))
    return tune_stage.cancel(replace(request, out=str(folder)))
