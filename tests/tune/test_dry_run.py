import pytest
from click.testing import CliRunner

from harness.cli.commands import _rows
from harness.cli.commands.tune import _facts, tune
from harness.config import load
from harness.curate.step import curate
from harness.errors import UsageError
from harness.loop import ingest
from harness.project import Project
from harness.tune import dry_run
from harness.tune import request as tune_request
from harness.types import Adapter, Estimate, Preview, PreviewRow, Prompt, Recipe, TuneRequest
from tests.cli.test_cli import CONFIG, TRACES, project

NONE = Prompt(name="none")
ROW = PreviewRow(
    id="a",
    tokens=(
        ("<|im_start|>", "special"),
        ("hi \x1b[31m", "context"),
        ("yes", "supervised"),
        ("!", "supervised"),
        ("<|im_end|>", "stop"),
    ),
)


@pytest.fixture
def work(tmp_path):
    """A curated project with a tiny model."""
    folder = project(tmp_path / "p", CONFIG.replace("max_steps = 2", "max_steps = 6"))
    (folder / "traces").symlink_to(TRACES)
    work = Project.open(load(folder))
    ingest(work)
    curate(work)
    return work


def test_without_colours_what_is_learnt_stands_in_brackets(capsys):
    """The learnt tokens and the learnt end are in one pair of brackets, and a terminal escape of a trace is harmless."""
    _rows.show(Preview(rows=(ROW,), fates={"trained": 1}, tokens={"total": 5}))
    shown = capsys.readouterr().out
    assert "[[yes!<|im_end|>]]" in shown and "5 tokens, 3 learnt" in shown and "\x1b[31m" not in shown


def test_a_rejected_answer_stands_in_brackets_of_its_own(capsys):
    """What is to be avoided is marked apart from what is learnt, the recipe's own counts and notes are shown, and no
    line of tokens where nobody counted them."""
    row = PreviewRow(id="b", tokens=(*ROW.tokens, ("no", "rejected")), counts="one pair")
    _rows.show(Preview(rows=(row,), fates={}, tokens={}, notes=("A stage comes first.",)))
    shown = capsys.readouterr().out
    assert "[[yes!<|im_end|>]]{{no}}" in shown and "b: one pair" in shown and "A stage comes first." in shown
    assert "what is rejected is in {{ }}" in shown and " tokens\n" not in shown


def test_what_was_not_measured_is_no_zero():
    """Of a training that runs elsewhere neither steps nor time nor memory is shown, but what its method says in words."""
    cost = Estimate(
        steps=0, rows={"uploaded": 20}, tokens={}, seconds=0.0, peak_bytes=0, weights=0, trained_weights=0,
        details={"time and price": "the provider's"},
    )  # fmt: skip
    assert _facts(cost) == {"rows": "20 uploaded", "time and price": "the provider's"}


def test_a_proof_pays_no_endpoint(monkeypatch):
    """A training that needs a key is not run three times to prove that it resumes."""
    request = TuneRequest(base="", dataset="", prompt=NONE, recipe=Recipe(method="hosted"), out="", secrets=("KEY",))
    monkeypatch.setattr(tune_request, "latest", lambda work: request)
    with pytest.raises(UsageError, match="'hosted' asks an endpoint"):
        dry_run.prove_resume(None)


def test_rehearsals_exclude_one_another(tmp_path, monkeypatch):
    """Two of the flags at once are a usage error."""
    project(tmp_path / "p")
    monkeypatch.chdir(tmp_path / "p")
    done = CliRunner().invoke(tune, ["--dry-run", "--prove-resume"])
    assert isinstance(done.exception, UsageError)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_training_is_proved_to_end_in_the_same_bytes(work):
    """A real process is killed at a random step; the proof names the step, and both adapters have the same files."""
    proof = dry_run.prove_resume(work)
    assert proof.steps == 6 and proof.resumed_from <= proof.killed_at < 6 and len(proof.files) == 2


def test_any_file_that_differs_is_named():
    """Another hash, and a file that only one of the two has, are differences; equal files are none."""
    one, other = (
        Adapter(
            id="", method="sft", base="", tokenizer="", template="", dataset="", recipe=Recipe(), prompt=NONE, files=f
        )
        for f in ({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"})
    )
    assert dry_run._differing(one, other) == ["b", "c"] and not dry_run._differing(one, one)
