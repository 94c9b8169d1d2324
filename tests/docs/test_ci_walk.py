"""The CI templates do what they say: every step is run as it is written, in a clean environment, from a built wheel."""

import json
import xml.etree.ElementTree as xml
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs import ci_host
from tests.notify.api import serving
from tests.store.remote.conftest import server as server  # a fixture
from tests.test_wheel import wheel as wheel  # likewise
from tests.tiny import tiny_model

TEMPLATES = Path(__file__).parents[2] / "docs" / "ci"
CONFIG = """
[project]
name = "desk"

[model]
base = "models/base"

[ingest]
paths = ["traces"]

[arms.base]
backend = "constant"
options = { reply = "sure" }

[arms.next]
backend = "constant"
options = { reply = "yes" }

[gate]
candidate = "next"
min_cases = 5
"""
EVAL = """
from trueup import cases, guard, score, suite, target

@suite(role=target(min_gain=0.1))
@cases("late.jsonl")
def eval_late(case, model):
    return score.text(model.chat(case.messages), case.expected, mode="contains")

@suite(role=guard(margin=0.1))
@cases("polite.jsonl")
def eval_polite(case, model):
    return score.text(model.chat(case.messages), case.expected, mode="contains")
"""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    return ci_host.dependencies(tmp_path_factory.mktemp("packages") / "site")


@pytest.fixture
def host(packages, tmp_path) -> ci_host.Host:
    """A repository with evals and settings, whose candidate is no fine-tune, so that nothing is trained; its model and its traces
    are elsewhere."""
    repository, bucket = tmp_path / "repository", tmp_path / "bucket"
    (repository / "evals").mkdir(parents=True)
    (repository / "evals" / "eval_desk.py").write_text(EVAL)
    (repository / "trueup.toml").write_text(CONFIG)
    for name, word in (("late", "yes"), ("polite", "sure")):
        rows = [json.dumps({"id": f"{name}-{n}", "text": f"{name} {n}?", "expected": word}) for n in range(80)]
        (repository / "evals" / f"{name}.jsonl").write_text("\n".join(rows))
    calls = [
        json.dumps({"messages": [{"role": "user", "content": f"late {n}?"}, {"role": "assistant", "content": "no"}]})
        for n in range(9)
    ]
    bucket.mkdir()
    (bucket / "calls.jsonl").write_text("\n".join(calls))
    tiny_model(tmp_path / "hub")
    (repository / "ci").mkdir()
    fetch = f"cp -r {bucket} traces\nif [ ! -d models/base ]; then mkdir -p models; cp -r {tmp_path / 'hub'} models/base; fi\n"
    (repository / "ci" / "trueup-fetch.sh").write_text(fetch)
    return ci_host.Host(repository, tmp_path, packages)


@pytest.fixture
def api():
    with serving() as api:
        yield api


@pytest.fixture
def keys(server) -> dict[str, str]:
    """What leads to the S3 server, as secrets and variables of the host."""
    return {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }


def github(host, api, wheel, event: str, store: str = "", keys: Mapping[str, str] = {}) -> ci_host.Job:
    """One job of the template, by night or for a pull request into main."""
    is_change = event == "pull_request"
    payload = {"pull_request": {"number": 12, "head": {"sha": "f" * 40}}} if is_change else {}
    (host.folder / "event.json").write_text(json.dumps(payload))
    contexts = {
        "github": {
            "token": "t0ken",
            "event_name": event,
            "run_id": str(host.jobs),
            "ref_name": "12/merge" if is_change else "main",
            "base_ref": "main" if is_change else "",
        },
        "vars": {"TRUEUP_PACKAGE": str(wheel), "TRUEUP_STORE": store, **keys},
        "secrets": keys,
    }
    environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": api.url,
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_RUN_ID": str(host.jobs),
        "GITHUB_REF_NAME": contexts["github"]["ref_name"],
        "GITHUB_BASE_REF": contexts["github"]["base_ref"],
        "GITHUB_EVENT_PATH": str(host.folder / "event.json"),
    }
    return ci_host.github(TEMPLATES / "github-actions.yml", host, contexts, environment)


def changed(host, old: str, new: str) -> None:
    """A commit that changes trueup.toml."""
    config = host.repository / "trueup.toml"
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))


def verdict(host) -> str:
    """Content id of the verdict that the last job reported."""
    return json.loads((host.artifacts["trueup-report"] / "report.json").read_text())["verdict"]["id"]


def test_github_walks_a_night_a_change_and_a_stop(host, api, wheel, keys):
    """A night on hold is red and remembered in the bucket; a pull request that fixes it starts from it on a fresh machine and
    comments what it alone changes; repeated, it gives the same verdict; too little data is neutral."""
    store = f"s3://nightly/{host.folder.name}-github"
    night = github(host, api, wheel, "schedule", store, keys)
    assert night.code == 1, night.log
    assert night.ran[-1] == "actions/upload-artifact" and not api.comments and "is lost with it" not in night.log
    assert "Hold" in night.summary
    assert "::warning file=evals/polite.jsonl,line=1,title=broken%3A polite-0::" in night.log
    blocked = xml.parse(host.artifacts["trueup-report"] / "report.xml").getroot()
    assert {suite.get("name"): int(suite.get("failures")) for suite in blocked}["eval_desk::eval_polite"] == 80
    assert [key.partition("-models-")[0] for key in host.caches] == ["trueup"]
    assert {path.name for path in next(iter(host.caches.values())).iterdir()} == {"base"}

    changed(host, 'reply = "yes"', 'reply = "yes, sure"')
    change = github(host, api, wheel, "pull_request", store, keys)
    assert change.code == 0, change.log
    (comment,) = api.comments
    body = comment["body"]
    assert "Promote" in body and "What this change alone changes" in body and "against main" in body
    assert "was ✕ hold and is now ✓ promote" in body and "| polite | 0.0% → 100.0% | +100.0 | 80 | 0 | 0 | 0 |" in body
    assert "[Report and job](" in body and "late |" not in body.split("alone changes")[1]
    judged = verdict(host)
    github(host, api, wheel, "pull_request", store, keys)
    assert len(api.comments) == 1 and api.writes() == ["POST", "PATCH"] and verdict(host) == judged

    api.refuse = {"POST": 403, "PATCH": 403}
    changed(host, 'candidate = "next"', 'candidate = "tuned"\nbaselines = ["base"]')
    stop = github(host, api, wheel, "pull_request", store, keys)
    assert stop.code == 0 and "::warning title=trueup::undecided" in stop.log, stop.log
    assert "Undecided" in stop.summary and "title=broken" not in stop.log and "Traceback" not in stop.log
    assert "may not write comments" in stop.log


def test_github_keeps_nothing_of_a_public_repository(host, api, wheel):
    """Its reports stay out; a visibility that cannot be read counts as public. Without a bucket the job says what that means."""
    api.is_private = False
    for refuse in ({}, {"GET": 500}):
        api.refuse = refuse
        job = github(host, api, wheel, "schedule")
        assert job.code == 1 and not host.artifacts, job.log
        assert "::warning title=trueup::the store is in this job's checkout and is lost with it" in job.log
        assert "Hold" in job.summary and "actions/upload-artifact" not in job.ran


def test_gitlab_walks_a_night_a_change_and_a_stop(host, api, wheel, keys):
    """The same by GitLab's rules: bucket, note, artifacts, and a warning where the job is undecided."""
    bare = {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": api.url,
        "CI_PROJECT_ID": "3",
        "TRUEUP_PACKAGE": str(wheel),
        "TRUEUP_STORE": f"s3://nightly/{host.folder.name}-gitlab",
        "CI_PROJECT_VISIBILITY": "private",
        "TRUEUP_GITLAB_TOKEN": "t0ken",
        **keys,
    }
    template = TEMPLATES / "gitlab-ci.yml"
    night = ci_host.gitlab(template, host, {**bare, "CI_COMMIT_BRANCH": "main"})
    assert (night.code, night.ran) == (1, ["red"]), night.log
    assert not api.comments and (host.artifacts["out/"] / "report.xml").exists()
    changed(host, 'reply = "yes"', 'reply = "yes, sure"')
    request = {"CI_MERGE_REQUEST_IID": "12", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    change = ci_host.gitlab(template, host, {**bare, **request})
    assert change.ran == ["green"], change.log
    assert len(api.comments) == 1 and "was ✕ hold and is now ✓ promote" in api.comments[0]["body"], change.log
    changed(host, 'candidate = "next"', 'candidate = "tuned"\nbaselines = ["base"]')
    stop = ci_host.gitlab(template, host, {**bare, **request})
    assert stop.ran == ["warning"], stop.log
    assert "Undecided" in api.comments[0]["body"] and len(api.comments) == 1
