"""What `trueup prune` frees and keeps: everything that is referred to stays whole, whenever it is killed."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness import prune, report
from harness.cli.checks import examine
from harness.core.ci_job import CiJob
from harness.gate import branches
from harness.gate import step as gate_step
from harness.project import JUDGED, EvaluationRuns, Project
from harness.store import durable
from harness.types import Reply, Verdict
from tests.cli.inside import trueup
from tests.gate.conftest import work as work  # a fixture
from tests.gate.desk import DATASET, RIGHT, adapter_in, answered

NIGHTS = 4


def key(night: int, arm: str) -> str:
    return f"{night:02d}{arm}".encode().hex().ljust(64, "0")


def ident(night: int) -> str:
    return f"{night:x}" * 64


@pytest.fixture
def nights(work):
    """So many nights, each with an adapter, a run an arm, a verdict, a reply cache and what its training left."""
    for night in range(1, NIGHTS + 1):
        adapter_in(work, ident(night))
        runs = {}
        for arm, right in RIGHT.items():
            share = {suite: number - night for suite, number in right.items()} if arm == "tuned" else right
            run = answered(arm, share)
            reply = Reply(text="x", key=key(night if arm == "tuned" else 0, arm))
            run = replace(
                run, results=tuple(replace(one, replies=(reply,)) for one in run.results[:1]) + run.results[1:]
            )
            runs[arm] = work.store.artifacts.put("run", run)
            with work.store.replies(reply.key) as cache:
                cache.add({reply.key: reply})
        work.keep_evaluation(
            EvaluationRuns(dataset=DATASET, adapter=ident(night), runs=tuple(runs.items())), whole=True
        )
        work.remember("tune", str(night), "adapter", ident(night))
        gate_step.gate(work)
        left = work.store.root / "work" / f"tune-{night}" / "adapter.checkpoints"
        left.mkdir(parents=True)
        (left / "optimizer.safetensors").write_bytes(b"x" * 1000)
        for path in (left / "optimizer.safetensors", left, left.parent):
            os.utime(path, ns=(night, night))
    with work.store.replies("f" * 64) as cache:
        cache.add({"judge": Reply(text="4")})
    return work


def problems(work) -> list[str]:
    return [*work.store.verify(), *work.store.dangling()]


def adapters(work) -> set[str]:
    return set(work.store.artifacts.ids("adapter"))


def test_a_dry_run_says_what_would_go_and_removes_nothing(nights):
    """Names and sizes are those of what the real one removes."""
    before = sorted(nights.store.root.rglob("*"))
    planned = prune.prune(nights, 2, dry_run=True)
    assert sorted(nights.store.root.rglob("*")) == before
    assert prune.prune(nights, 2) == planned
    assert Counter(item.what for item in planned)["work"] == NIGHTS and all(item.size > 0 for item in planned)
    assert prune.prune(nights, 2) == ()


def test_the_last_verdicts_stay_whole(nights):
    """Their adapters and runs are there and their reports can be rendered; records of the others stay, too."""
    verdicts = nights.store.artifacts.ids("verdict")
    prune.prune(nights, 2)
    assert problems(nights) == []
    assert {ident(NIGHTS), ident(NIGHTS - 1)} <= adapters(nights) and ident(1) not in adapters(nights)
    assert nights.store.artifacts.ids("verdict") == verdicts and len(verdicts) == NIGHTS
    assert [report.has_runs(nights, each) for each in verdicts] == [False] * (NIGHTS - 2) + [True] * 2
    assert gate_step.gate(nights).id == verdicts[-1]


def test_answers_go_with_their_last_run_only(nights):
    """Those of the base, which every night shares, of kept nights and of judges stay."""
    prune.prune(nights, 2)
    left = {path.stem for path in (nights.store.root / "replies").iterdir()}
    assert {key(0, "base"), key(0, "prompted"), key(NIGHTS, "tuned"), "f" * 64} <= left
    assert key(1, "tuned") not in left


def test_what_was_promoted_can_be_gone_back_to(nights):
    """However old: the adapter, the dataset that it was made with, and the runs of its verdict."""
    verdicts = nights.store.artifacts.ids("verdict")
    nights.store.promotions.move("production", ident(1), verdicts[0], expected=None)
    nights.store.promotions.move("production", ident(2), verdicts[1], expected=ident(1))
    prune.prune(nights, 1)
    assert {ident(1), ident(2), ident(NIGHTS)} <= adapters(nights) and ident(3) not in adapters(nights)
    assert report.has_runs(nights, verdicts[0]) and problems(nights) == []
    assert nights.store.promotions.rollback("production").adapter == ident(1)


def test_the_latest_verdict_of_a_branch_stays(nights):
    """A pull request is compared with it."""
    old = nights.store.artifacts.get("verdict", nights.store.artifacts.ids("verdict")[0], Verdict)
    branches.remember(nights, old, CiJob(branch="main"))
    prune.prune(nights, 1)
    assert report.has_runs(nights, old.id) and ident(1) in adapters(nights)


def test_an_evaluation_whose_look_is_not_counted_stays(nights):
    """The ledger still has to count it, when the next verdict is made."""
    run = answered("tuned", {"booking": 7, "general": 7})
    runs = (("base", nights.store.artifacts.ids("run")[0]), ("tuned", nights.store.artifacts.put("run", run)))
    latest = nights.latest_evaluation()
    nights.keep_evaluation(EvaluationRuns(dataset=DATASET, adapter=ident(1), runs=runs), whole=True)
    nights.keep_evaluation(latest, whole=True)
    for number in range(4):
        nights.store.artifacts.put("run", answered("other", {"booking": number, "general": number}))
    prune.prune(nights, 1)
    assert nights.store.artifacts.has("run", runs[1][1]) and ident(1) in adapters(nights)
    assert gate_step.gate(nights)


def test_a_training_that_was_killed_can_still_be_resumed(nights):
    """Its work is newer than the newest adapter."""
    killed = nights.store.root / "work" / "tune-killed" / "adapter.checkpoints"
    killed.mkdir(parents=True)
    prune.prune(nights, 1)
    assert killed.exists() and len(nights.store.work_folders()) == 1


@pytest.mark.parametrize("stop", range(0, 24, 3))
def test_a_kill_at_any_moment_leaves_a_store_that_is_clean(nights, monkeypatch, stop):
    """Nothing refers to what is gone; the next prune removes the rest, and ends where an undisturbed one ends."""
    done = Counter()

    def counted(function):
        def call(*words, **more):
            if done["steps"] >= stop:
                raise KeyboardInterrupt
            done["steps"] += 1
            return function(*words, **more)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(durable, "remove_tree", counted(durable.remove_tree))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        try:
            prune.prune(nights, 2)
        except KeyboardInterrupt:
            assert problems(nights) == []
    again = Project(nights.config, nights.store)
    prune.prune(again, 2)
    assert problems(again) == [] and len(adapters(again)) == 2 and not again.store.work_folders()


def test_the_command_says_what_it_freed_and_the_doctor_is_content(nights):
    """`--keep` is how many verdicts stay; after it every check of the store is fine."""
    root = nights.config.root
    planned = json.loads(trueup("prune", "--keep", "2", "--dry-run", "--json", cwd=root).stdout)
    assert planned["dry_run"] and planned["bytes"] == sum(item["size"] for item in planned["items"]) > 4000
    done = trueup("prune", "--keep", "2", cwd=root)
    assert done.returncode == 0 and "freed" in done.stdout, done.stderr
    checks = {name: (ok, detail) for name, ok, detail in examine(Path(root))}
    assert all(checks[name][0] for name in ("store", "references", "counts", "work folders")), checks
    assert trueup("report", "--history", cwd=root).returncode == 0
    assert nights.recalled(JUDGED, nights.store.artifacts.ids("verdict")[0], "evaluation")
