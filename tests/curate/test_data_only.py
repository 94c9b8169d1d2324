"""A team that only wants data: a trueup.toml of two lines, and ingest, curate, export. No model, no suite, no pytest, no torch."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.core.codec import read
from harness.curate import step
from harness.curate.options import CurateOptions
from harness.curate.stage import curate
from harness.errors import UndecidedError, UsageError
from harness.evaluate import step as evaluate_step
from harness.mine.stage import mine
from harness.project import Project
from harness.sections import Config
from harness.types import Dataset
from tests.curate.traces import restaurant

TRACES = Path(__file__).parents[2] / "examples" / "parcel_desk" / "traces"
HEAVY = ("torch", "transformers", "peft", "trl", "bitsandbytes", "pytest", "_pytest")
WALK = """
import json, sys
from harness.cli.main import cli
for words in json.loads(sys.argv[1]):
    try:
        cli.main(words, prog_name="trueup", standalone_mode=False)
    except SystemExit as end:
        if end.code: sys.exit(f"{words} ended with {end.code}")
loaded = set(HEAVY) & sys.modules.keys()
if loaded: sys.exit(f"imported {sorted(loaded)}")
"""
LINEAGE = {"id", "split", "group", "cluster", "call_id", "trace_id", "session_id", "target_source", "day"}


def walk(folder: Path, *commands: str) -> str:
    """Run the commands in one process, which must import nothing heavy; what they print."""
    code = WALK.replace("HEAVY", repr(HEAVY))
    words = json.dumps([command.split() for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", code, words], cwd=folder, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def receive(folder: Path, *days: str) -> None:
    """The exports of these days arrive, each as a link to the example's file."""
    for name in days:
        path = folder / "traces" / f"calls-2026-{name}.otlp.jsonl.gz"
        path.symlink_to(TRACES / path.name)


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """Two nights of a project that makes data only; night -> what was printed."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "trueup.toml").write_text('[ingest]\npaths = ["traces"]\n')
    (folder / "traces").mkdir()
    (folder / "traces" / "feedback.jsonl").symlink_to(TRACES / "feedback.jsonl")
    receive(folder, "10-26", "10-27", "10-28", "10-29")
    every = "--form parquet --form hf --form openai-sft --form openai-preference --form trl-sft --form trl-preference"
    first = walk(folder, "ingest", "mine", "curate", f"export out/first {every}", "export out/one --form chat --since")
    receive(folder, "10-30")
    return folder, first, walk(folder, "ingest", "curate", "export out/second --form parquet --form trl-sft --since")


def rows(folder: Path) -> list[dict]:
    return [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_first_night_writes_every_form(nights):
    """All rows, in each form, with their lineage; the first increment is everything."""
    folder, printed, _ = nights
    out = folder / "out" / "first"
    train = pq.read_table(out / "train.parquet")
    assert set(train.column_names) >= LINEAGE
    assert len(lines(out / "train.trl-sft.jsonl")) == train.num_rows > 50
    assert lines(out / "train.trl-sft.jsonl")[0].keys() >= LINEAGE | {"prompt", "completion"}
    assert lines(out / "train.trl-preference.jsonl")[0].keys() >= LINEAGE | {"prompt", "chosen", "rejected"}
    assert len(lines(folder / "out" / "one" / "train.chat.jsonl")) == train.num_rows
    assert (out / "hf" / "dataset_dict.json").exists()
    assert "Not checked against eval cases: there are no eval files." in " ".join(printed.split())


def test_rows_keep_the_prompt_that_production_sent(nights):
    """Nothing else says what was asked: trueup.toml names no prompt."""
    folder, _, _ = nights
    prompt = lines(folder / "out" / "first" / "train.trl-sft.jsonl")[0]["prompt"]
    assert prompt[0]["role"] == "system" and "parcel help desk" in prompt[0]["content"]


@pytest.mark.parametrize("form", ["openai-sft", "openai-preference"])
def test_openai_rows_have_no_key_of_ours(nights, form):
    """Their lineage is a file beside them, line for line."""
    out = nights[0] / "out" / "first"
    known = {"messages", "tools", "input", "preferred_output", "non_preferred_output"}
    written = lines(out / f"train.{form}.jsonl")
    assert {key for row in written for key in row} <= known
    beside = lines(out / f"train.{form}.lineage.jsonl")
    assert len(beside) == len(written) and beside[0].keys() >= LINEAGE


def test_the_second_night_exports_what_is_new(nights):
    """An increment and the rows before it are the whole dataset; nothing that was held out has moved into training."""
    folder, _, printed = nights
    before, new = rows(folder / "out" / "first"), rows(folder / "out" / "second")
    changes = lines(folder / "out" / "second" / "changes.jsonl")
    assert new and len(new) < len(before)
    assert {row["id"] for row in new} == {change["case_id"] for change in changes if change["kind"] != "removed"}
    project = Project.open(folder)
    whole = project.latest_dataset()
    removed = sum(change["kind"] == "removed" for change in changes)
    added = sum(change["kind"] == "added" for change in changes)
    assert sum(whole.counts.values()) == len(before) + added - removed
    held = {row["id"] for row in before if row["split"] == "held_out"}
    assert not held & {row["id"] for row in new if row["split"] == "train"}
    assert "rows differ from dataset" in printed
    card = (folder / "out" / "second" / "README.md").read_text()
    assert "## Changes since the dataset before" in card
    assert f"| {added} |" in card or "| train |" in card


def test_an_increment_without_news_is_no_error(nights):
    """The same dataset again: no row file, an empty list of changes, exit code 0."""
    folder, _, _ = nights
    ident = Project.open(folder).latest_dataset().id
    walk(folder, f"export out/third --form parquet --since {ident}")
    assert rows(folder / "out" / "third") == []
    assert (folder / "out" / "third" / "changes.jsonl").read_text() == ""


def test_the_manifest_says_that_no_eval_case_was_compared(nights):
    """For programs: the counts behind the sentence of the card."""
    folder, _, _ = nights
    project = Project.open(folder)
    place = project.store.artifacts.folder("dataset", project.latest_dataset().id)
    assert read(place / "dataset.json", Dataset).notes["kept_apart"] == {"eval_texts": 0, "benchmark_texts": 0}


def test_an_eval_folder_that_was_named_and_is_missing_is_an_error(tmp_path):
    """A misspelt path must not switch decontamination off."""
    (tmp_path / "trueup.toml").write_text('[eval]\npaths = ["evalz"]\n')
    with pytest.raises(UsageError, match="evalz"):
        step.curate(Project.open(tmp_path))


def test_without_eval_files_evaluation_says_how_to_get_some(tmp_path):
    """No words of pytest about a folder that is not there."""
    (tmp_path / "trueup.toml").write_text("[model]\nbase = 'm'\n")
    with pytest.raises(UsageError, match="no eval files") as caught:
        evaluate_step.evaluate(Project.open(tmp_path))
    assert "trueup init --from-traces" in caught.value.next
    assert not evaluate_step.has_evals(Project.open(Config(root=str(tmp_path / "other"))))


def test_praised_answers_alone_make_a_dataset_where_no_failure_is_asked_for():
    """`min_failures = 0`: rows to train on are enough; by default the same traffic is too little to judge by."""
    calls, feedback = restaurant()
    praise = [item for item in feedback if item.value == 1]
    good = [call for call in calls if call.id in {item.call_id for item in praise}]
    mined = mine(good, praise)
    with pytest.raises(UndecidedError, match="too few corrected failures"):
        curate(good, praise, mined, sticky={})
    night = curate(good, praise, mined, sticky={}, options=CurateOptions(min_failures=0))
    assert night.dataset.counts["train"] and not night.dataset.counts["held_out"]
