"""Log a night to MLflow: one run with its metrics, parameters, tags, and the reports as artefacts.

    [track]
    mlflow = "https://mlflow.example.com"

Credentials are MLflow's own variables, as for the deploy target of that name. Tested against MLflow 3.17.
"""

import time

from harness.notify.tracked import TrackedNight
from harness.promote.targets import mlflow as registry
from harness.types import Noun

VERDICT = "trueup.verdict"
DONE = "trueup.done"
"""Tag of a run that has everything; a run without it was killed, and is removed."""


class Options(Noun, frozen=True):
    url: str
    """Of the tracking server."""
    experiment: str = ""
    """Empty: the project's name."""


def log(night: TrackedNight, options: Options) -> str:
    """Log the night, unless it is there already. Raises DeployError when the server cannot be reached or refuses."""
    client, entities = registry.MlflowClient(options.url), registry.mlflow.entities
    with registry.asking(options.url):
        name = options.experiment or night.project
        known = client.get_experiment_by_name(name)
        experiment = known.experiment_id if known else client.create_experiment(name)
        for run in client.search_runs([experiment], f"tags.`{VERDICT}` = '{night.verdict}'"):
            if DONE in run.data.tags:
                return f"run {run.info.run_id} has it already"
            client.delete_run(run.info.run_id)
        begun = night.at_ns // 10**6
        run = client.create_run(experiment, start_time=begun, tags=night.tags, run_name=night.name)
        ident = run.info.run_id
        metrics = [entities.Metric(key, value, begun, 0) for key, value in night.metrics.items()]
        client.log_batch(ident, metrics, [entities.Param(*pair) for pair in night.params.items()])
        for path in night.files:
            client.log_artifact(ident, path, "report")
        client.log_batch(ident, tags=[entities.RunTag(DONE, str(time.time_ns()))])
        client.set_terminated(ident)
    return f"run {ident} of experiment {name}"
