"""The MLflow target against a real MLflow server with SQLite; the client (`mlflow-skinny`) is that of the environment that runs the tests."""

import http.server
import json
import shutil
import threading

import pytest

from harness import config
from harness.errors import DeployError
from harness.project import Project
from harness.promote import deploy, step
from tests.promote.targets.mlflow_server import mlflow_server
from tests.promote.test_deploy import release_in, served
from tests.promote.test_step import CONFIG, walked  # noqa: F401

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed: pip install mlflow-skinny")
from harness.promote.targets import mlflow as target_of  # noqa: E402

MODEL = "refunds"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


@pytest.fixture
def target(url, request):
    """The target with a registered model of the test's own."""
    return target_of.open(target_of.Options(model=f"m-{request.node.name}"[:60], url=url), "production")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_version_has_the_files_and_the_tags_and_the_alias_moves(target, tmp_path):
    """Put, read back, switched, switched on, switched off, and removed."""
    first, second = release_in(tmp_path / "one", card="1"), release_in(tmp_path / "two", card="2", weights="w")
    assert target.current() == "" and not target.has(first.name)
    for made in (first, second):
        target.put(made)
        assert "all as judged" in target.check(made) and target.has(made.name) and target.current() == ""
    target.switch(first.name)
    target.switch(second.name)
    assert target.current() == second.name
    client, model = target._client, target._options.model
    version = client.get_model_version_by_alias(model, "champion")
    assert version.tags[target_of.TAG] == second.name
    assert {file.path for file in client.list_artifacts(version.run_id, "release")} == {
        "release/card",
        "release/weights",
    }
    target.put(second)
    assert len(client.search_model_versions(f"name = '{model}'")) == 2, "put again makes no second version"
    target.switch(first.name)
    target.discard(second.name)
    assert target.current() == first.name and not target.has(second.name)
    target.discard(second.name)
    target.switch("")
    assert target.current() == ""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_a_killed_put_left_is_replaced(target, tmp_path):
    """A run without a version: the next put removes it and makes one version."""
    made = release_in(tmp_path / "one", card="1")
    client = target._client
    experiment = client.create_experiment(target._options.model)
    client.create_run(experiment, tags={target_of.PENDING: made.name})
    target.put(made)
    assert len(client.search_runs([experiment])) == 1 and "1 files" in target.check(made)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_changed_artefact_and_a_foreign_alias_are_noticed(target, tmp_path):
    """Other bytes are named, and put makes the version anew; an alias on somebody's version is left."""
    made = release_in(tmp_path / "one", card="1")
    target.put(made)
    client, model = target._client, target._options.model
    (tmp_path / "card").write_text("edited")
    (version,) = client.search_model_versions(f"name = '{model}'")
    client.log_artifact(version.run_id, str(tmp_path / "card"), "release")
    with pytest.raises(DeployError, match="card is changed"):
        target.check(made)
    target.put(made)
    assert "as judged" in target.check(made)
    (run,) = client.search_runs([client.get_experiment_by_name(model).experiment_id])
    theirs = client.create_model_version(model, f"{run.info.artifact_uri}/release", run.info.run_id)
    client.set_registered_model_alias(model, "champion", theirs.version)
    with pytest.raises(DeployError, match="which trueup did not make"):
        target.current()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_promote_and_rollback_move_the_alias_of_the_registry(walked, url, tmp_path):  # noqa: F811
    """With `[deploy.registry] kind = "mlflow"`: the store's alias and MLflow's go together."""
    root = shutil.copytree(walked[0].config.root, tmp_path / "copy")
    section = f'[deploy.registry]\nkind = "mlflow"\nmodel = "{MODEL}"\nurl = "{url}"\n'
    (root / "trueup.toml").write_text(CONFIG + section)
    work = Project.open(config.load(root))
    move = step.promote(work)
    assert served(work) == {"registry": deploy.releases.name_of(move.adapter, move.verdict)}
    assert all(each.is_right for each in deploy.servings(work))
    client = mlflow.MlflowClient(url)
    version = client.get_model_version_by_alias(MODEL, "champion")
    assert version.tags["trueup.outcome"] == "promote" and version.tags["trueup.verdict"] == move.verdict
    step.rollback(work)
    assert served(work) == {"registry": ""}


class Denying(http.server.BaseHTTPRequestHandler):
    """A server at which the token has no rights."""

    def do_GET(self):
        body = json.dumps({"error_code": "PERMISSION_DENIED", "message": "Permission denied"}).encode()
        self.send_response(403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        """Quiet."""


def test_a_token_without_rights_and_a_server_that_is_down_say_what_to_do(tmp_path, monkeypatch):
    """Each with its own advice and exit code 4, within seconds."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    server = http.server.HTTPServer(("127.0.0.1", 0), Denying)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        denied = target_of.open(target_of.Options(model="m", url=address), "production")
        with pytest.raises(DeployError, match="refuses") as raised:
            denied.current()
        assert "MLFLOW_TRACKING_TOKEN" in raised.value.next and raised.value.exit == 4
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    down = target_of.open(target_of.Options(model="m", url=address), "production")
    with pytest.raises(DeployError, match="does not answer|cannot do it"):
        down.has("trueup-a")
