"""What is logged of a night, and that no tracker changes a verdict."""

import shutil
from types import SimpleNamespace

import pytest

from harness import config
from harness.core import plugins
from harness.errors import DeployError, UsageError
from harness.notify import track
from harness.notify.tracked import of_story
from harness.project import Project
from harness.report import story_of
from harness.sections import Config
from harness.types import Noun
from tests.promote.test_step import CONFIG, walked  # noqa: F401


@pytest.fixture
def work(walked, tmp_path):  # noqa: F811
    root = shutil.copytree(walked[0].config.root, tmp_path / "copy")
    (root / "trueup.toml").write_text(f'{CONFIG}[track]\nledger = "https://ledger.example"\n')
    return Project.open(config.load(root))


class Options(Noun, frozen=True):
    url: str
    experiment: str = ""


@pytest.fixture
def ledger(monkeypatch):
    """A tracker that keeps what it is given, or raises `problem`."""
    kept = SimpleNamespace(nights=[], problem=None)

    def log(night, options):
        if kept.problem:
            raise kept.problem
        kept.nights.append((night, options))
        return "kept"

    module = SimpleNamespace(Options=Options, log=log, __name__="ledger")
    monkeypatch.setattr(
        plugins, "load", lambda kind, name, load=plugins.load: module if name == "ledger" else load(kind, name)
    )
    monkeypatch.setattr("harness.core.options.load", plugins.load, raising=False)
    return kept


def test_a_night_has_its_means_differences_settings_and_digests(walked):  # noqa: F811
    """Each suite under each arm, the gain with its interval, what identifies the verdict."""
    work, verdict = walked
    night = of_story(story_of(work, verdict), ("/nowhere/report.html",))
    late, money = "eval_tickets::eval_late", "eval_tickets::eval_money"
    assert (night.metrics[f"{late}/base"], night.metrics[f"{late}/next"]) == (0.0, 1.0)
    assert night.metrics[f"{late}/over base"] == 1.0 > night.metrics[f"{late}/over base low"] > 0.8
    assert night.metrics[f"{money}/over base"] == 0.0 and night.metrics["exit code"] == 0.0
    assert night.params["candidate"] == "next" and night.params["next prompt"] == "v2"
    assert night.tags["trueup.verdict"] == verdict.id and night.tags["trueup.outcome"] == "promote"
    assert night.files == (), "a file that is not there is left out"


def test_every_tracker_is_told_with_the_reports(work, ledger):
    """The address is the option `url`."""
    (sent,) = track.track(work, work.latest_verdict())
    ((night, options),) = ledger.nights
    assert sent.is_sent and sent.words == "kept" and options.url == "https://ledger.example"
    assert any(path.endswith("report.html") for path in night.files)


@pytest.mark.parametrize("problem", [DeployError("no answer", next="start it"), ValueError("secret address")])
def test_a_tracker_that_fails_is_said_and_changes_nothing(work, ledger, problem):
    """Our own words are told; of any other error only its kind."""
    ledger.problem = problem
    (sent,) = track.track(work, work.latest_verdict())
    assert not sent.is_sent and "secret" not in sent.words
    assert sent.words.startswith("no answer" if isinstance(problem, DeployError) else "ValueError")


@pytest.mark.parametrize("given", [{"mlfow": "http://x"}, {"mlflow": 3}])
def test_a_wrong_tracker_is_told_before_the_run(given):
    """A misspelt name, or a value that is no address and no table."""
    with pytest.raises(UsageError):
        track.check(Config(track=given))


def test_nothing_is_tracked_by_default(walked):  # noqa: F811
    assert track.track(*walked) == []
