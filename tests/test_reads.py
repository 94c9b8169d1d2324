"""What a step opens in the project is what its key contains, and the same project elsewhere has the same ids."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.core import crew, options, worker
from harness.core.codec import digest
from harness.curate import step as curate_step
from harness.mine import step as mine_step
from harness.project import LATEST, Project
from tests.cli.inside import trueup
from tests.cli.test_cli import CONFIG, EVAL, TRACES, project
from trainers.publishing import round_trip

SETTINGS = """
[curate]
replay_files = ["general/replay.jsonl"]
contamination_files = ["general/benchmark.txt"]

[mine.options]
suites = ["evals/eval_tiny.py"]
"""
AUDITED = """
import json, os, sys
root = os.path.realpath(sys.argv[1])
opened, running = {"mine": set(), "curate": set()}, "mine"
def hook(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)):
        path = os.path.realpath(os.fsdecode(args[0]))
        if path.startswith(root + "/") and "/.trueup/" not in path and "__pycache__" not in path and os.path.isfile(path):
            opened[running].add(os.path.relpath(path, root))
from harness.curate import step as curate_step
from harness.mine import step as mine_step
from harness.project import Project
mining, curating = Project.open(root), Project.open(root)
sys.addaudithook(hook)
mine_step.mine(mining)
running = "curate"
curate_step.curate(curating)
print(json.dumps({step: sorted(files) for step, files in opened.items()}))
"""


@pytest.fixture(scope="module")
def ingested(tmp_path_factory):
    """A project with replay and benchmark files and a suite that mines, its traces ingested."""
    folder = project(tmp_path_factory.mktemp("reads") / "p", CONFIG + SETTINGS)
    (folder / "traces").symlink_to(TRACES)
    (folder / "general").mkdir()
    rows = [{"prompt": f"Name a river, please, number {n}.", "answer": "The Rhine."} for n in range(50)]
    (folder / "general" / "replay.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "general" / "benchmark.txt").write_text("Which river flows through the middle of Cologne?\n")
    done = trueup("ingest", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def opened_in(folder):
    """Step to the project's files that it opened. In a process of its own, since nobody takes an audit hook off again."""
    done = subprocess.run([sys.executable, "-c", AUDITED, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {step: set(files) for step, files in json.loads(done.stdout.splitlines()[-1]).items()}


def test_what_a_step_opens_is_in_its_key(ingested, tmp_path):
    """The interpreter's own audit events name each file; each is one that the key contains by content."""
    folder = shutil.copytree(ingested, tmp_path / "p", symlinks=True)
    work = Project.open(folder)
    mining = {*mine_step.options(work).files.values()}
    curating = {*options.files(curate_step.curate_options(work)).values(), *mining}
    opened = opened_in(folder)
    for step, known in (("mine", mining), ("curate", curating)):
        assert {str(folder / name) for name in opened[step]} <= known, step


@pytest.mark.parametrize(
    ("file", "line", "step"),
    [
        ("general/replay.jsonl", '{"prompt": "Name a lake, please.", "answer": "Lake Constance."}\n', "dataset"),
        ("evals/eval_tiny.py", "# another text\n", "mined"),
    ],
)
def test_an_edited_file_is_read_again(ingested, tmp_path, file, line, step):
    """A replay file of other rows gives another dataset; a suite that mines is run again."""
    folder = shutil.copytree(ingested, tmp_path / "p", symlinks=True)
    first = _keys(folder)
    with (folder / file).open("a") as out:
        out.write(line * 40)
    assert _keys(folder)[step] != first[step]
    assert _keys(folder) == _keys(folder)


@pytest.mark.parametrize("file", ["conftest.py", "evals/conftest.py", "evals/words.py"])
def test_what_an_eval_file_leans_on_is_in_the_key_of_mining(ingested, tmp_path, file):
    """A fixture or a helper module of a suite that mines decides as its own text does; another suite does not."""
    folder = shutil.copytree(ingested, tmp_path / "p", symlinks=True)
    (folder / "evals" / "eval_other.py").write_text("LIMIT = 1\n")
    first = mine_step.reads_of(Project.open(folder)).key
    (folder / "evals" / "eval_other.py").write_text("LIMIT = 2\n")
    assert mine_step.reads_of(Project.open(folder)).key == first
    (folder / file).write_text("LIMIT = 1\n")
    added = mine_step.reads_of(Project.open(folder)).key
    (folder / file).write_text("LIMIT = 2_000\n")
    assert len({first, added, mine_step.reads_of(Project.open(folder)).key}) == 3


def _keys(folder):
    work = Project.open(folder)
    dataset = curate_step.curate(work)
    return {"mined": mine_step.reads_of(work).key, "dataset": dataset.id}


@pytest.fixture
def tuned_here(monkeypatch, children):
    """Trains in this process, with the recipe that a child would run: it has imported torch already. Other children are
    started from nothing, as users start them."""
    monkeypatch.setattr(worker, "start", children.started)

    def here(engine, task, on_event=lambda data: None, places=()):
        return crew.job(task.job)(task.request, Path(), on_event)

    monkeypatch.setattr(crew, "result", here)
    monkeypatch.setattr(round_trip, "_in_a_fresh_process", round_trip.examine)


@pytest.mark.slow
def test_the_same_project_in_two_folders_has_the_same_ids(tmp_path, tuned_here):
    """Ids are of contents: mined failures, dataset, adapter, runs, verdict."""
    first = project(tmp_path / "a" / "p", CONFIG + SETTINGS.replace("[curate]", "[curate]\nmin_failures = 5"), EVAL)
    (first / "traces").symlink_to(TRACES)
    (first / "general").mkdir()
    (first / "general" / "replay.jsonl").write_text('{"prompt": "Name a river.", "answer": "The Rhine."}\n' * 20)
    (first / "general" / "benchmark.txt").write_text("Which river flows through the middle of Cologne?\n")
    second = shutil.copytree(first, tmp_path / "elsewhere" / "q", symlinks=True)
    for folder in (first, second):
        assert trueup("run", cwd=folder).returncode in (0, 1, 3)
    assert _ids(first) == _ids(second)


def _ids(folder):
    work = Project.open(folder)
    ids = {what: work.store.memo.recall(LATEST, what) for what in ("mined", "dataset", "adapter", "verdict")}
    runs = {name: run.id for name, run in work.runs(work.latest_evaluation()).items()}
    assert all(ids.values()) and len(runs) > 2
    return ids | {"runs": digest(runs)}
