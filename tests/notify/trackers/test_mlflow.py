"""Nights in a real MLflow server with SQLite; see tests/promote/targets/test_mlflow.py for its environment."""

import shutil

import pytest
from click.testing import CliRunner

from harness import config
from harness.cli.main import cli
from harness.notify import track
from harness.project import Project
from tests.promote.test_step import CONFIG, walked  # noqa: F401

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed: pip install mlflow-skinny")
from tests.promote.targets.test_mlflow import url  # noqa: E402, F401


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_night_is_a_run_and_is_logged_once(walked, url, tmp_path):  # noqa: F811
    """Metrics, parameters, tags and the report; a killed log is made anew, and the same verdict again makes no second run."""
    root = shutil.copytree(walked[0].config.root, tmp_path / "copy")
    (root / "trueup.toml").write_text(f'{CONFIG}[track]\nmlflow = "{url}"\n')
    work = Project.open(config.load(root))
    verdict = work.latest_verdict()
    client = mlflow.MlflowClient(url)
    left = client.create_run(client.create_experiment("tickets"), tags={"trueup.verdict": verdict.id}).info
    (sent,) = track.track(work, verdict)
    assert sent.is_sent, sent.words
    (run,) = client.search_runs([left.experiment_id])
    assert run.info.run_id != left.run_id and run.info.status == "FINISHED"
    assert run.data.metrics["eval_tickets::eval_late/over base"] == 1.0
    assert run.data.params["candidate"] == "next" and run.data.tags["trueup.outcome"] == "promote"
    paths = {file.path for file in client.list_artifacts(run.info.run_id, "report")}
    assert {"report/report.html", "report/report.json"} <= paths
    assert "already" in track.track(work, verdict)[0].words and len(client.search_runs([left.experiment_id])) == 1
    done = CliRunner().invoke(cli, ["gate", "--config", str(root)])
    assert done.exit_code == 0 and len(client.search_runs([left.experiment_id])) == 1


def test_a_server_that_is_down_changes_no_verdict(walked, tmp_path, monkeypatch):  # noqa: F811
    """The command says so, and ends as the verdict says."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    root = shutil.copytree(walked[0].config.root, tmp_path / "copy")
    (root / "trueup.toml").write_text(f'{CONFIG}[track]\nmlflow = "http://127.0.0.1:9"\n')
    done = CliRunner().invoke(cli, ["gate", "--config", str(root)])
    assert done.exit_code == 0 and "not sent" in done.output and "MLflow" in done.output
