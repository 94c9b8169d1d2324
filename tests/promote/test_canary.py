"""`trueup canary`: start, judge, roll back, finish, stop; and a kill anywhere leaves nothing half started."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from harness import config
from harness.core.codec import read
from harness.errors import InvalidError, NotYetError, StorageError, UsageError
from harness.project import Project
from harness.promote import canary, split_files
from harness.promote import step as promote_step
from harness.types import CallError, TrafficSplit
from tests.cli import inside
from tests.curate.traces import DAY_NS
from tests.promote.canary_traffic import traffic
from tests.promote.test_step import CONFIG, trueup, walked  # noqa: F401

RULES = """
[canary]
share = 0.2
metrics = ["failures", "errors"]
most_harm = 0.1
least_calls = 100
days = 3

[deploy.share]
kind = "folder"
path = "share"
"""


@pytest.fixture
def work(walked, tmp_path):  # noqa: F811
    """A copy of the project that was walked to a promote, with short rules."""
    root = shutil.copytree(walked[0].config.root, tmp_path / "copy")
    (root / "trueup.toml").write_text(CONFIG + RULES)
    return Project.open(config.load(root))


def split(work):
    return read(split_files.place(work) / "split.json", TrafficSplit)


def alias(work):
    move = work.store.promotions.current("production")
    return move.adapter if move else ""


def served(work, plan, days=6, people=300, broken=0.0):
    """Store traffic of the canary; `broken`: share of the candidate's calls that end in an error."""
    calls = [
        replace(each, error=CallError(type="timeout"), output=())
        if each.model_served == plan.candidate_name and int(each.id[1:-2]) % 100 < broken * 100
        else each
        for each in traffic(plan, days, people)
    ]
    work.store.traces.merge(calls, (), ())
    return plan.start_ns + days * DAY_NS


def test_start_writes_the_split_and_promotes_nothing(work):
    """Every gateway has its files, the rules are kept with the record, and the alias is where it was."""
    plan = canary.start(work, by="ann")
    assert work.store.canaries.running() == plan and alias(work) == ""
    assert split(work) == replace(split(work), share=0.2, candidate=plan.candidate_name, control="base")
    folders = {path.name for path in split_files.place(work).iterdir() if path.is_dir()}
    assert folders == {"litellm", "envoy_ai_gateway", "vllm_router"}
    assert (plan.most_harm, plan.days, plan.metrics, plan.share) == (0.1, 3.0, ("failures", "errors"), 0.2)
    with pytest.raises(InvalidError, match="running already"):
        canary.start(work)


def test_a_harmful_one_is_rolled_back_at_once(work):
    """By evidence that is kept with its formula; the split is back before anybody looks at it again."""
    plan = canary.start(work)
    now = served(work, plan, broken=0.4)
    assert canary.status(work, act=False, now_ns=now).ended == "" and split(work).share == 0.2
    report = canary.status(work, now_ns=now)
    assert (report.outcome, report.ended) == ("harm", "rolled back") and "calls with an error" in report.sentence
    event = work.store.canaries.last()
    assert event.kind == "rolled back" and any("betting_sequence" in finding.formula for finding in event.findings)
    assert split(work).share == 0.0 and alias(work) == "" and work.store.canaries.running() is None
    again = canary.status(work, now_ns=now)
    assert again.ended == "rolled back" and again.sentence.startswith("Rolled back: Harm is shown")
    assert yaml.safe_load((split_files.place(work) / "litellm" / "config.yaml").read_text())


def test_one_that_was_promoted_meanwhile_is_rolled_back_with_its_targets(work):
    """The alias and every deploy target go back too."""
    plan = canary.start(work)
    promote_step.promote(work)
    assert alias(work) == plan.candidate
    report = canary.status(work, now_ns=served(work, plan, broken=0.4))
    assert report.ended == "rolled back" and alias(work) == ""
    assert "share" in trueup(work, "deploy", "--dry-run")[1] and not (Path(work.config.root) / "share/current").exists()


def test_a_good_one_is_finished(work):
    """The alias, the targets and the split move; what was judged at its start is what is promoted."""
    plan = canary.start(work)
    now = served(work, plan)
    assert canary.status(work, now_ns=now).outcome == "held"
    report = canary.finish(work, by="ann", now_ns=now)
    move = work.store.promotions.current("production")
    assert report.ended == "finished" and (move.adapter, move.verdict) == (plan.candidate, plan.verdict)
    assert split(work).share == 1.0 and (Path(work.config.root) / "share/current").exists()
    with pytest.raises(NotYetError, match="no canary is running"):
        canary.finish(work)


def test_finish_changes_nothing_before_it_held(work):
    """It says why, with exit code 3."""
    plan = canary.start(work)
    report = canary.finish(work, now_ns=served(work, plan, days=1))
    assert report.outcome == "undecided" and alias(work) == "" and split(work).share == 0.2
    assert trueup(work, "canary", "finish")[0] == 3 and work.store.canaries.running() == plan


def test_a_shadow_sends_nobody_there_and_is_not_finished(work):
    """The split of gateways stays at none."""
    plan = canary.start(work, share=1.0, shadow=True)
    assert split(work).share == 0.0
    now = served(work, plan)
    report = canary.finish(work, now_ns=now)
    assert report.outcome == "undecided" and "shadow" in report.sentence and alias(work) == ""


def test_an_alias_that_moved_since_is_not_overwritten(work):
    """What was the control is not what serves now."""
    plan = canary.start(work)
    now = served(work, plan)
    promote_step.promote(work)
    promote_step.rollback(work)
    assert canary.status(work, now_ns=now).outcome == "held"  # back at the base model, as at the start
    work.store.canaries.append(replace(work.store.canaries.last(), kind="stopped"))
    other = replace(plan, champion="f" * 64)
    work.store.canaries.append(replace(work.store.canaries.last(), kind="started", canary=other))
    report = canary.finish(work, now_ns=now)
    assert report.outcome == "undecided" and "was moved to the base model since" in report.sentence


def test_without_a_promote_nothing_starts(work):
    """A share that is none, an unknown gateway, a verdict under another policy: nothing is recorded or written."""
    for share in (0.0, 0.6, -1.0):
        with pytest.raises(UsageError, match="cannot be a canary's"):
            canary.start(work, share)
    root = Path(work.config.root)
    (root / "trueup.toml").write_text(CONFIG + RULES.replace("[canary]", '[canary]\ngateways = ["nginx"]'))
    with pytest.raises(UsageError, match="nginx"):
        canary.start(Project.open(config.load(root)))
    (root / "trueup.toml").write_text(CONFIG + "alpha = 0.01\n" + RULES)
    with pytest.raises(InvalidError, match="policy was changed"):
        canary.start(Project.open(config.load(root)))
    promote_step.promote(work)
    with pytest.raises(InvalidError, match="serves everybody already"):
        canary.start(work)
    assert not split_files.place(work).exists() and not work.store.canaries.history()


@pytest.mark.parametrize("after", range(7))
def test_a_kill_between_any_two_files_is_made_good_by_the_next_command(work, monkeypatch, after):
    """The record decides: before it nothing is written, after it the files follow."""
    real, left = split_files.write_atomic, [after]

    def killed(path, data):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        real(path, data)

    monkeypatch.setattr(split_files, "write_atomic", killed)
    with pytest.raises(KeyboardInterrupt):
        canary.start(work)
        canary.stop(work)
    monkeypatch.setattr(split_files, "write_atomic", real)
    canary.status(work)
    running = work.store.canaries.running()
    assert split(work).share == (running.share if running else 0.0)
    for path, data in split_files.files(work, split_files.current(work)).items():
        assert (split_files.place(work) / path).read_bytes() == data


def test_a_full_disk_starts_nothing(work, monkeypatch):
    """The record is not there, and so no file is."""

    def full(*_):
        raise StorageError("no space left")

    monkeypatch.setattr(type(work.store.canaries._entries), "append", full)
    with pytest.raises(StorageError):
        canary.start(work)
    assert not split_files.place(work).exists()


def test_a_record_that_was_changed_is_noticed(work):
    """By `trueup store verify`, and by the next command."""
    canary.start(work)
    path = next((work.store.root / "canaries").glob("*.json"))
    path.write_text(path.read_text().replace("0.2", "0.4"))
    assert str(path) in work.store.verify()
    with pytest.raises(StorageError):
        canary.status(work)


def test_the_commands(work):
    """Words and exit codes: 5 without one, 3 undecided, 0 stopped; JSON has the whole report."""
    assert trueup(work, "canary", "status")[0] == 5
    assert inside.trueup("canary", "stop", cwd=Path(work.config.root)).returncode == 5
    code, output = trueup(work, "canary", "start", "--share", "10%")
    assert code == 0 and "0.1 of sessions is answered by next" in output and "out/canary" in output
    code, output = trueup(work, "canary", "status", "--json")
    known = json.loads(output.splitlines()[0])["canary"]
    assert code == 3 and known["outcome"] == "undecided" and known["canary"]["share"] == 0.1
    assert known["offline"] == work.latest_verdict().sentence
    assert "offline: " in trueup(work, "canary", "status")[1]
    code, output = trueup(work, "canary", "stop", "--reason", "wrong gateway")
    assert code == 0 and "the base model answers everybody again" in output
    code, output = trueup(work, "canary", "status")
    assert code == 0 and "Stopped: wrong gateway" in output
    assert trueup(work, "canary", "start", "--share", "much")[0] == 2
