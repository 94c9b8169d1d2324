"""A step's key changes with everything that the step reads, and with nothing else."""

import subprocess
import sys

import pytest

from harness.core import reads
from harness.errors import InputError


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package `thing` whose `a` imports `b` inside a function, and `c` not at all."""
    folder = tmp_path / "thing"
    folder.mkdir()
    for name, text in {
        "__init__": "",
        "a": "def f():\n    from thing import b\n",
        "b": "B = 1\n",
        "c": "C = 1\n",
    }.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for remembered in (reads._closure, reads._imports, reads._find):
        remembered.cache_clear()


def test_code_changes_with_what_a_module_imports_and_with_nothing_else(package):
    """An import inside a function counts; a neighbour that nobody imports does not."""
    before = reads.code("thing.a")
    (package / "c.py").write_text("C = 2_000\n")
    assert reads.code("thing.a") == before
    (package / "b.py").write_text("B = 2_000\n")
    assert reads.code("thing.a") != before


def test_the_code_of_a_child_process_counts_though_only_a_string_names_it():
    """A suite as a judge runs in a child: its runner is in the key of whatever judges by it."""
    for module in ("harness.mine.detectors.from_suite", "trainers.rows.scored"):
        assert "harness.evaluate.runner.stand_in" in reads._closure((module,)), module


def test_code_that_scores_is_in_the_key_of_what_it_scores():
    """`score.safety` uses redaction: the closure of the scorer contains the redactor."""
    assert "harness.redact.redaction" in reads._closure(("harness.evaluate.scorers.safety",))


def test_a_module_that_is_not_there_is_refused():
    """A misspelt name would leave a part of the code out of the key without a word."""
    with pytest.raises(InputError, match=r"no module 'harness\.nope'"):
        reads.code("harness.nope")


def test_reading_the_code_imports_nothing_of_it():
    """A key costs no torch: sources are found by folder and parsed."""
    probe = (
        "import sys\nfrom harness.core import reads\nreads.code('trainers.sft', 'harness.evaluate.inference.engine')\n"
        "print('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True).stdout.strip() == "False"


def test_files_count_by_content_not_by_place(tmp_path):
    """The same bytes elsewhere are the same; other bytes in the same place are not; a missing file is neither."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "replay.jsonl").write_text("{}\n")
    content = reads.content(tmp_path / "here" / "replay.jsonl")
    assert content == reads.content(tmp_path / "there" / "replay.jsonl")
    assert reads.content(tmp_path / "here") == reads.content(tmp_path / "there")
    (tmp_path / "here" / "replay.jsonl").write_text('{"a": 1}\n')
    assert reads.content(tmp_path / "here" / "replay.jsonl") != content
    assert reads.content(tmp_path / "nowhere") == ""
