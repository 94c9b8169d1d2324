"""Deploy into an MLflow model registry: each release a version with its files, `champion` the alias that is switched.

Adapter, manifest, verdict, report and model card are artefacts of a run, the version points at them, and its tags say what was
judged. Others load `models:/NAME@champion`. Tested against MLflow 3.17; credentials are MLflow's own variables
(MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD).
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}.items():
    os.environ.setdefault(_name, _value)  # read when mlflow is imported

import mlflow as mlflow  # noqa: E402
import mlflow.exceptions  # noqa: E402
import requests.exceptions  # noqa: E402
from mlflow import MlflowClient as MlflowClient  # noqa: E402

from harness.core.codec import file_digest  # noqa: E402
from harness.errors import DeployError  # noqa: E402
from harness.promote.readback import compare  # noqa: E402
from harness.types import Arm, Noun, Release  # noqa: E402

logging.getLogger("mlflow").setLevel(logging.WARNING)

ARTIFACTS = "release"
"""Folder of the run's artefacts that a version points at."""
TAG = "trueup.release"
PENDING = "trueup.put"
"""Tag of a run whose files may not be whole: its release's name."""
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""Codes with which servers say that there is no such model or alias; stores differ."""
DENIED = ("UNAUTHENTICATED", "PERMISSION_DENIED")
CREDENTIALS = (
    "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, with the right to write"
)


class Options(Noun, frozen=True):
    model: str
    """Name of the registered model; made where it is missing."""
    url: str
    """Of the tracking server."""
    registry: str = ""
    """Of the registry, where that is another one."""
    alias: str = "champion"
    experiment: str = ""
    """Of the runs that hold the files; empty: the model's name."""


def open(options: Options, alias: str) -> "MlflowTarget":
    return MlflowTarget(options)


class MlflowTarget:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._client = MlflowClient(options.url, options.registry or options.url)

    def name_of(self, release: Release) -> str:
        return release.name

    def current(self) -> str:
        """Raises DeployError where the alias is on a version that trueup did not make."""
        with self._asking():
            version = self._aliased()
        if version is None:
            return ""
        if TAG not in version.tags:
            raise DeployError(
                f"the alias {self._options.alias!r} is on version {version.version}, which trueup did not make",
                where=f"{self._options.model} at {self._options.url}",
                next='set another alias, such as alias = "trueup"',
            )
        return str(version.tags[TAG])

    def has(self, name: str) -> bool:
        with self._asking():
            return self._version(name) is not None

    def put(self, release: Release) -> None:
        """The run and its files first, the version last: a killed put leaves a run, which the next one removes."""
        with self._asking():
            version = self._version(release.name)
            if version is not None:
                if self._digests(version) == release.digests:
                    return
                self._delete(version)
            experiment = self._experiment()
            self._drop_runs(experiment, release.name)
            tags = {PENDING: release.name, **{f"trueup.{name}": text for name, text in release.facts.items()}}
            run = self._client.create_run(experiment, tags=tags, run_name=release.name).info
            with tempfile.TemporaryDirectory() as folder:
                for path, place in release.places.items():
                    (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(place, Path(folder) / path)
                self._client.log_artifacts(run.run_id, folder, ARTIFACTS)
            self._client.set_terminated(run.run_id)
            self._registered()
            self._client.create_model_version(
                self._options.model,
                f"{run.artifact_uri}/{ARTIFACTS}",
                run.run_id,
                tags={TAG: release.name, **{f"trueup.{name}": text for name, text in release.facts.items()}},
                description=release.words,
            )

    def check(self, release: Release) -> str:
        where = f"{self._options.model} at {self._options.url}"
        with self._asking():
            version = self._version(release.name)
            there = self._digests(version) if version else {}
        return compare(release.digests, there, where)

    def through(self, release: Release) -> Arm | None:
        return None

    def switch(self, name: str) -> None:
        with self._asking():
            version = self._version(name) if name else None
            if version is not None:
                self._client.set_registered_model_alias(self._options.model, self._options.alias, version.version)
            elif name:
                raise DeployError(f"the version of {name} is gone", where=self._options.url, next="trueup deploy")
            elif self._aliased() is not None:
                self._client.delete_registered_model_alias(self._options.model, self._options.alias)

    def discard(self, name: str) -> None:
        with self._asking():
            version = self._version(name)
            if version is not None:
                self._delete(version)
            experiment = self._client.get_experiment_by_name(self._experiment_name)
            if experiment:
                self._drop_runs(experiment.experiment_id, name)

    # ------------------------------------------------------------ small print

    @property
    def _experiment_name(self) -> str:
        return self._options.experiment or self._options.model

    def _experiment(self) -> str:
        known = self._client.get_experiment_by_name(self._experiment_name)
        return str(known.experiment_id if known else self._client.create_experiment(self._experiment_name))

    def _registered(self) -> None:
        with _absent():
            self._client.get_registered_model(self._options.model)
            return
        self._client.create_registered_model(self._options.model)

    def _aliased(self) -> Any:
        """The version that has the alias; None where none has it."""
        with _absent():
            return self._client.get_model_version_by_alias(self._options.model, self._options.alias)
        return None

    def _version(self, name: str) -> Any:
        """The newest version of a release; None where there is none."""
        query = f"name = '{self._options.model}' and tags.`{TAG}` = '{name}'"
        versions = self._client.search_model_versions(query)
        return max(versions, key=lambda version: int(version.version), default=None)

    def _digests(self, version: Any) -> dict[str, str]:
        """Path of each file of a version to its sha256, read back from the server."""
        with tempfile.TemporaryDirectory() as folder, _absent():
            got = Path(self._client.download_artifacts(version.run_id, ARTIFACTS, folder))
            files = (path for path in sorted(got.rglob("*")) if path.is_file())
            return {path.relative_to(got).as_posix(): file_digest(path) for path in files}
        return {}

    def _delete(self, version: Any) -> None:
        self._client.delete_model_version(self._options.model, version.version)
        with _absent():
            self._client.delete_run(version.run_id)

    def _drop_runs(self, experiment: str, name: str) -> None:
        """Remove runs of that release that no version points at: a killed put left them."""
        for run in self._client.search_runs([experiment], f"tags.`{PENDING}` = '{name}'"):
            self._client.delete_run(run.info.run_id)

    def _asking(self) -> AbstractContextManager[None]:
        return asking(f"{self._options.model} at {self._options.url}")


@contextmanager
def asking(where: str) -> Iterator[None]:
    """Turns errors of MLflow into a DeployError with what helps."""
    try:
        yield
    except mlflow.exceptions.MlflowException as error:
        status = error.get_http_status_code()
        if error.error_code in DENIED or status in (401, 403):
            raise DeployError(f"MLflow refuses it: {_short(error)}", where=where, next=CREDENTIALS) from error
        raise DeployError(f"MLflow cannot do it: {_short(error)}", where=where, next="check the server") from error
    except (requests.exceptions.RequestException, OSError) as error:
        what = f"MLflow does not answer: {_short(error)}"
        raise DeployError(what, where=where, next="start the server, or correct url") from error


@contextmanager
def _absent() -> Iterator[None]:
    """Passes over the answer that there is no such thing."""
    try:
        yield
    except mlflow.exceptions.MlflowException as error:
        if error.error_code not in ABSENT:
            raise


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
