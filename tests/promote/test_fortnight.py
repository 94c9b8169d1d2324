"""A fortnight of production under a nightly job of trueup's commands: it drifts, is tuned, tried as a canary, rolled back, tried again.

The job is what docs/how-to/deploy.md tells to run at night. Nothing of trueup is replaced but the clock; models are tables (`help_desk`).
"""

import json
import time
from importlib.util import find_spec
from pathlib import Path
from typing import get_args
from unittest import mock

import pytest
from markupsafe import escape

pytest.importorskip("openai")

from harness import config
from harness.project import Project
from harness.promote import deploy
from harness.promote.watch_stage import Action
from tests.cli import inside
from tests.curate.traces import DAY_NS
from tests.promote import help_desk
from tests.promote.help_desk import CALM, DRIFTED, TOPICS, Desk, Production, topic_of
from tests.promote.targets.mlflow_server import mlflow_server
from tests.trainers.provider_server import running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

BEFORE, DAYS, DRIFT = 8, 14, 3
"""Days of traffic before the fortnight, its days, and the one on which the drift begins."""
CONFIG = """
[project]
name = "desk"
title = "Help desk"

[model]
base = "desk-1"
backend = "openai_compatible"

[ingest]
paths = ["exports"]
format = "table"

[arms.base]
options = {{ url = "{url}", key_env = "OPENAI_API_KEY" }}
production = true

[arms.tuned]
options = {{ url = "{url}", key_env = "OPENAI_API_KEY" }}

[tune]
method = "hosted"
options = {{ url = "{url}", poll = 0.001 }}

[canary]
share = 0.4
metrics = ["failures", "errors", "guards"]
most_harm = 0.1
least_calls = 100
days = 2

[deploy.share]
kind = "folder"
path = "share"
"""


class Fortnight:
    """The nightly job, and what each of its commands came to."""

    def __init__(self, root: Path, desk: Desk, more: str = "") -> None:
        self.root, self.desk, self.production = root, desk, Production(root, desk)
        self.events: list[tuple[int, str]] = []
        """Night and what happened, as told by exit codes."""
        self.served: list[str] = []
        """After each night what the folder's target serves, by the endpoint's name; empty: the base model."""
        self._began: dict[int, int] = {}
        (root / "trueup.toml").write_text(CONFIG.format(url=desk.url) + more)
        help_desk.evals(root)

    def walk(self, mix) -> "Fortnight":
        """Live through all days; `mix`: day to the topics of its messages."""
        for day in range(-BEFORE, 0):
            self.production.day(day, mix(day))
        for day in range(DAYS):
            self.production.day(day, mix(day))
            self._night(day)
            current = self.root / "share" / "current"
            self.served.append(help_desk.hosted_in(current) if current.exists() else "")
        return self

    def acted(self) -> list[str]:
        """What happened in order, without the words of `watch` on which the job does nothing."""
        return [what for _, what in self.events if what == "train" or what not in get_args(Action)]

    def trueup(self, night: int, *words: str) -> tuple[int, dict]:
        """Exit code and JSON of a command that is typed in the night after that day."""
        began = self._began.setdefault(night, time.monotonic_ns())
        at = help_desk.START_NS + (night + 1) * DAY_NS + help_desk.NIGHT_NS // 2 - began
        with mock.patch("time.time_ns", lambda: at + time.monotonic_ns()):
            done = inside.trueup(*words, "--quiet", "--json", cwd=self.root)
        assert done.returncode in (0, 1, 3), done.stderr
        return done.returncode, json.loads(done.stdout.splitlines()[-1])

    def _night(self, night: int) -> None:
        self.trueup(night, "ingest")
        running = Project.open(config.load(self.root)).store.canaries.running()
        if running and self._judge(night) == 3:
            return
        _, watched = self.trueup(night, "watch")
        action = watched["watching"]["action"]
        if action != "wait":
            self.events.append((night, action))
        if action == "train":
            code, _ = self.trueup(night, "run")
            self.events.append((night, f"run {code}"))
            if code == 0:
                self._start(night)

    def _start(self, night: int) -> None:
        _, started = self.trueup(night, "canary", "start")
        plan = started["canary"]
        store = Project.open(config.load(self.root)).store
        tuned = help_desk.hosted_in(Path(store.artifacts.folder("adapter", plan["candidate"])))
        self.production.names[plan["candidate_name"]] = tuned
        self.events.append((night, "canary started"))

    def _judge(self, night: int) -> int:
        code, said = self.trueup(night, "canary", "status")
        if code == 0:
            code, said = self.trueup(night, "canary", "finish")
        if ended := said["canary"].get("ended"):
            self.events.append((night, ended))
        return code


REGISTRY = """
[deploy.registry]
kind = "mlflow"
model = "desk"
url = "{url}"
"""


@pytest.fixture(scope="module")
def key():
    with mock.patch.dict("os.environ", {"OPENAI_API_KEY": "secret-key"}):
        yield


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Address of an MLflow server; empty where its client is not installed, so that the folder is the only target."""
    if find_spec("mlflow") is None:
        yield ""
    else:
        with mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
            yield address


@pytest.fixture(scope="module")
def drifted(key, registry, tmp_path_factory):
    """Lockers and customs come up from the fourth day on, and the first training spoils passwords."""
    with running(Desk(fault="password")) as desk:
        more = REGISTRY.format(url=registry) if registry else ""
        yield Fortnight(tmp_path_factory.mktemp("drifted"), desk, more).walk(
            lambda day: DRIFTED if day >= DRIFT else CALM
        )


@pytest.fixture(scope="module")
def calm(key, tmp_path_factory):
    """The same days without the drift."""
    with running(Desk(fault="password")) as desk:
        yield Fortnight(tmp_path_factory.mktemp("calm"), desk).walk(lambda day: CALM)


def project(fortnight):
    return Project.open(config.load(fortnight.root))


def test_what_was_planted_is_noticed_tuned_rolled_back_and_tuned_again(drifted):
    """`watch` says train, not before the drift and within three nights of it; all the rest follows from exit codes."""
    assert drifted.acted() == [
        *("train", "run 0", "canary started", "rolled back"),
        *("train", "run 0", "canary started", "finished"),
    ]
    assert drifted.events[0][0] >= DRIFT
    assert next(night for night, what in drifted.events if what == "train") < DRIFT + 3


def test_the_fault_that_no_suite_asks_for_is_rolled_back_by_evidence(drifted):
    """The verdict on the spoiled model is promote; refusals of the people who met it end its canary, and it never is deployed."""
    first, ended, second, _ = project(drifted).store.canaries.history()
    spoiled, good = (f"ft:desk-1:trueup:ftjob-{number}" for number in (1, 2))
    assert drifted.desk.models[spoiled]["password"] == help_desk.REFUSAL != drifted.desk.models[good]["password"]
    worse = [finding for finding in ended.findings if finding.outcome == "fail"]
    assert ended.kind == "rolled back" and "guard detector" in ended.reason
    assert worse and all("betting_sequence" in finding.formula for finding in worse)
    assert spoiled not in drifted.served and first.canary.candidate != second.canary.candidate


def test_the_good_one_serves_everybody_at_every_target(drifted):
    """The alias, the folder, the registry and the split agree, and nobody is sent to the wrong queue any more."""
    work = project(drifted)
    move = work.store.promotions.current("production")
    finished = work.store.canaries.last()
    assert (move.adapter, move.verdict) == (finished.canary.candidate, finished.canary.verdict)
    night = drifted.events[-1][0]
    assert drifted.served == [""] * night + ["ft:desk-1:trueup:ftjob-2"] * (DAYS - night)
    assert all(each.is_right for each in deploy.servings(work))
    last = [call for call in work.calls() if call.id.startswith(f"c{DAYS - 1}-")]
    assert {call.model_served for call in last} == {finished.canary.candidate_name}
    assert all(json.loads(call.reply) == {"queue": TOPICS[topic_of(call.input[-1].text)]} for call in last)


def test_the_registry_has_the_release_under_its_alias(drifted, registry):
    """With its verdict and digests as tags."""
    if not registry:
        pytest.skip("mlflow is not installed: pip install mlflow-skinny")
    from mlflow import MlflowClient

    move = project(drifted).store.promotions.current("production")
    version = MlflowClient(registry, registry).get_model_version_by_alias("desk", "champion")
    assert (version.tags["trueup.adapter"], version.tags["trueup.verdict"]) == (move.adapter, move.verdict)


def test_a_person_can_follow_it_on_the_nights_page(drifted):
    """What was watched, both verdicts, both canaries with what was said offline and live, and the promotion, each in words."""
    assert drifted.trueup(DAYS - 1, "report", "--history")[0] == 0
    page = (drifted.root / "out" / "history.html").read_text()
    ended = project(drifted).store.canaries.history()[1]
    watched, canaries, promotions = (
        page.index(f">{title}<") for title in ("Production, watched", "Canaries", "Promotions")
    )
    assert watched < canaries < promotions and "trueup run" in page[watched:canaries]
    assert page.count("offline said") == 2 and page.count("live says") >= 4
    assert escape(ended.reason) in page[canaries:promotions]
    order = page[page.index(">In order<") : watched]
    told = [
        order.rindex(words) for words in ("canary finished", "canary rolled back", "canary started", "watch: train")
    ]
    assert told == sorted(told)  # the newest first


def test_without_anything_planted_nothing_is_raised(calm):
    """The same job on the same fortnight: no alarm, no training, no canary, no promotion."""
    work = project(calm)
    assert calm.events == [] and set(calm.served) == {""}
    assert not work.store.canaries.history() and not work.store.promotions.history("production")
    assert not work.store.artifacts.ids("verdict") and not calm.desk.jobs
