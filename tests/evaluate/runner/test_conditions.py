"""What scores depend on beside the replies is recorded, and runs that differ in it are no comparison."""

import pytest
from msgspec.structs import replace

from harness import config
from harness.errors import InvalidError
from harness.evaluate import step as evaluate_step
from harness.evaluate.runner.conditions import CHANGED, PACKAGES, Conditions
from harness.evaluate.runner.sharding import merge
from harness.gate.compare import compare
from harness.project import Project

EVAL = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
import helping
from trueup import cases, score, target, suite

@suite(role=target())
@cases([{"id": str(n), "text": str(n)} for n in range(3)])
def eval_it(case, model):
    wanted = (Path(__file__).parent / "wanted.txt").read_text()
    return score.text(helping.trim(model.chat(case.messages)), wanted)
"""


@pytest.fixture
def work(tmp_path):
    """A project whose eval file imports a helper and reads a data file."""
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "eval_it.py").write_text(EVAL)
    (tmp_path / "evals" / "helping.py").write_text("def trim(reply): return str(reply).strip()\n")
    (tmp_path / "evals" / "wanted.txt").write_text("1")
    (tmp_path / "trueup.toml").write_text(
        '[project]\nname = "desk"\n[arms.base]\nbackend = "scripted"\n[arms.rival]\nbackend = "scripted"\n'
    )
    return Project.open(config.load(tmp_path))


def test_helpers_and_data_that_an_eval_file_uses_are_conditions(work, tmp_path):
    """Arms of one night have the same; a helper or a data file that changed since makes the comparison invalid, and an arm
    that is asked alone joins nothing silently."""
    runs = evaluate_step.evaluate(work)
    assert {"evals/eval_it.py", "evals/helping.py", "evals/wanted.txt", PACKAGES} <= runs["base"].conditions.keys()
    assert not any(name.startswith((".trueup", "trueup.toml")) for name in runs["base"].conditions)
    (same,) = compare(runs["base"], runs["rival"])
    assert same.conditions and not same.problems
    (tmp_path / "evals" / "wanted.txt").write_text("2")
    later = evaluate_step.evaluate(work, only=["rival"])
    (unlike,) = compare(runs["base"], later["rival"])
    assert any("other conditions" in problem and "evals/wanted.txt" in problem for problem in unlike.problems)


def test_all_arms_are_scored_again_and_what_is_the_same_is_stored_once(work, tmp_path):
    """The second night scores with today's helper under every arm, from replies that were kept."""
    first = evaluate_step.evaluate(work)
    assert evaluate_step.evaluate(work) == first
    (tmp_path / "evals" / "wanted.txt").write_text("2")
    again = evaluate_step.evaluate(work)
    assert [one.score("") for one in first["base"].results] == [0, 1, 0]
    assert [one.score("") for name in ("base", "rival") for one in again[name].results] == [0, 0, 1] * 2
    assert all(reply.cached for run in again.values() for one in run.results for reply in one.replies)


def test_a_file_that_changes_while_it_is_used_is_named(tmp_path):
    """Its content has no digest that all cases were scored with."""
    file = tmp_path / "data.txt"
    file.write_text("one")
    found = Conditions(tmp_path)
    found._heard("open", (str(file), "r", 0))
    assert found.digests()["data.txt"] not in ("", CHANGED)
    file.write_text("another")
    assert found.digests()["data.txt"] == CHANGED


def test_only_what_is_read_below_the_root_counts(tmp_path):
    """Not what is written, what lies apart, what is installed, nor what is elsewhere."""
    names = ("read.txt", "written.txt", "weights/model.bin", ".venv/lib/x.py")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = Conditions(tmp_path, apart=[str(tmp_path / "weights")])
    for name in names:
        found._heard("open", (str(tmp_path / name), "w" if name == "written.txt" else "rb", 0))
    found._heard("open", (3, "r", 0))
    found._heard("open", ("/etc/hostname", "r", 0))
    assert found.digests().keys() == {PACKAGES, "read.txt"}


def test_shards_under_different_conditions_are_not_merged(work):
    """A file that two machines read with different content is named."""
    (run,) = evaluate_step.evaluate(work, only=["base"]).values()
    other = replace(run, results=(), conditions=run.conditions | {"evals/wanted.txt": "0"})
    with pytest.raises(InvalidError, match=r"different conditions(.|\n)*wanted.txt"):
        merge([run, other])
