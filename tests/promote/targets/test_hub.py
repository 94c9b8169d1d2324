"""The hub target: huggingface_hub itself against a stand-in of the Hub's HTTP API."""

import json
import shutil

import pytest
from huggingface_hub import ModelCard
from msgspec.structs import replace

from harness import config
from harness.errors import DeployError
from harness.project import Project
from harness.promote import step as promote_step
from harness.promote.targets import hub
from tests.evaluate.model_server import serving
from tests.promote.targets.hub_server import HubServer
from tests.promote.test_deploy import release_in
from tests.promote.test_step import CONFIG, trueup, walked  # noqa: F401

REPO, BRANCH = "me/refunds", "production"
CARD = "---\nmodel-index:\n- name: refunds\n  results: []\n---\n# refunds\n"


@pytest.fixture(autouse=True)
def online(monkeypatch, tmp_path):
    """The client asks the stand-in, whatever the environment says of the real Hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_test")


@pytest.fixture
def server():
    with serving(HubServer(REPO)) as running:
        yield running


@pytest.fixture
def target(server):
    return opened(server)


def opened(server, **options):
    return hub.open(hub.Options(repo=REPO, url=server.url, **options), "production")


@pytest.fixture
def releases(tmp_path):
    first = release_in(tmp_path / "one", **{"README.md": CARD, "adapter.json": "{}", "old.json": "1"})
    return first, release_in(tmp_path / "two", **{"README.md": CARD, "adapter.json": "[]"})


def test_each_release_is_a_branch_and_the_alias_moves_by_one_commit(target, server, releases):
    """Nothing is served before the switch; after it the alias has exactly the release's files."""
    first, second = releases
    assert target.current() == "" and not target.has(first.name)
    for release in releases:
        target.put(release)
        assert "all as judged" in target.check(release) and target.current() == ""
    commits = len(server.commits)
    target.put(second)
    assert len(server.commits) == commits, "put again changes nothing"
    target.switch(first.name)
    target.switch(second.name)
    assert target.current() == second.name
    assert (
        server.branches["production"] == server.branches[second.name]
        and "old.json" not in server.branches["production"]
    )
    assert [branch for branch, _ in server.commits].count("production") == 1, "a new branch needs no commit"
    target.switch(first.name)
    target.discard(second.name)
    target.discard(second.name)
    assert target.current() == first.name and not target.has(second.name)
    target.switch("")
    target.switch("")
    assert target.current() == "" and "production" not in server.branches


def test_what_a_killed_put_left_is_filled(target, server, releases):
    """A branch without the mark is no release yet."""
    target.put(releases[0])
    server.branches[releases[1].name] = {".gitattributes": b"", "half": b"x"}
    assert not target.has(releases[1].name)
    target.put(releases[1])
    assert target.has(releases[1].name) and "half" not in server.branches[releases[1].name]


def test_a_changed_file_and_a_foreign_branch_are_noticed(target, server, releases):
    """Other bytes are named and repaired; a branch of somebody's is left."""
    target.put(releases[0])
    server.branches[releases[0].name]["adapter.json"] = b"edited"
    with pytest.raises(DeployError, match="adapter.json is changed"):
        target.check(releases[0])
    target.put(releases[0])
    assert "as judged" in target.check(releases[0])
    server.branches["production"] = {"theirs": b"x"}
    with pytest.raises(DeployError, match="has no release made by trueup"):
        target.current()
    assert server.branches["production"] == {"theirs": b"x"}


def test_the_card_names_the_base_by_revision_and_the_report_stays_at_home(server, releases, tmp_path):
    """From the options, or from where the Hub's cache keeps the base."""
    shown = release_in(tmp_path / "three", **{"README.md": CARD, "report.html": "calls"})
    shown = replace(shown, places={**shown.places, hub.REPORT: shown.places["report.html"]}, digests={**shown.digests})
    commit = "a" * 40
    cached = replace(shown, arm=replace(shown.arm, model=f"/cache/models--org--base/snapshots/{commit}"))
    for options, release in (({"base": "org/base", "base_revision": commit}, shown), ({}, cached)):
        target = opened(server, **options)
        target.put(release)
        files = server.branches[release.name]
        data = ModelCard(files["README.md"].decode(), ignore_metadata_errors=True).data.to_dict()
        assert (data["base_model"], data["base_model_revision"]) == ("org/base", commit) and "model-index" in data
        assert hub.REPORT not in files and json.loads(files[hub.MARK])["name"] == release.name
    opened(server, report=True).put(cached)
    assert hub.REPORT in server.branches[cached.name]


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_without_rights_says_which_variable(target, server, releases, status):
    """Exit code 4; no branch is there afterwards."""
    target.put(releases[0])
    server.denied = status
    with pytest.raises(DeployError, match=f"HTTP {status}") as raised:
        target.put(releases[1])
    assert "HF_TOKEN" in raised.value.next and raised.value.exit == 4
    assert releases[1].name not in server.branches


def test_a_hub_that_is_down_is_named(tmp_path):
    """Nobody listens there."""
    down = hub.open(hub.Options(repo=REPO, url="http://127.0.0.1:9"), "production")
    with pytest.raises(DeployError, match="does not answer"):
        down.current()


@pytest.mark.parametrize(
    "fault,words,advice",
    [("down", "the Hub does not answer", "url"), ("denied", "HTTP 403", "HF_TOKEN")],
)
def test_a_registry_that_fails_leaves_nothing_half_promoted(walked, server, tmp_path, fault, words, advice):  # noqa: F811
    """`trueup promote` with a folder before it: exit code 4 with what to do, no alias, no file in the folder, no branch."""
    root = shutil.copytree(walked[0].config.root, tmp_path / "copy")
    url = "http://127.0.0.1:9" if fault == "down" else server.url
    hubs = f'[deploy.hub]\nkind = "hub"\nrepo = "{REPO}"\nurl = "{url}"\n'
    (root / "trueup.toml").write_text(f'{CONFIG}[deploy.share]\nkind = "folder"\npath = "share"\n{hubs}')
    server.denied = 403
    work = Project.open(config.load(root))
    with pytest.raises(DeployError, match=words) as raised:
        promote_step.promote(work)
    assert raised.value.exit == 4 and advice in raised.value.next and "[deploy.hub]" in raised.value.where
    assert work.store.promotions.current("production") is None and work.store.journal.read() is None
    assert not any((root / "share").rglob("*.json")) and not server.branches.get(BRANCH, {})
    _, shown = trueup(work, "status")
    assert (words in " ".join(shown.split())) == (fault == "down")
