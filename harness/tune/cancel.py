"""Cancel jobs that a provider runs. Apart from the loop, which only waits for them."""

from msgspec.structs import replace

from harness.evaluate import step as evaluate_step
from harness.project import Project
from harness.tune import request as tune_request
from harness.tune import request as tune_request_of
from harness.tune import stage as tune_stage


def cancel(project: Project) -> str:
    """Cancel the job of the training that `trueup tune` would do now; returns the job's status.

    Raises UsageError when the recipe's method runs no jobs, InputError when none was started.
    """
    dataset = project.latest_dataset()
    request = tune_request.complete(project, dataset, tune_request_of.tune_request(project, dataset))
    suites = evaluate_step.survey(project, dataset=dataset).suites if request.evals else ()
    folder = tune_request.folder(project, tune_request.reads_of(request, dataset, suites).key)
    return tune_stage.cancel(replace(request, out=str(folder)))
