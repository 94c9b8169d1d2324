"""What mining and curation say on a terminal."""

import pytest
from click.testing import CliRunner

from harness.cli.commands import curate, inspect, mine, review
from harness.cli.commands._command import NO_CALLS
from harness.curate import step
from harness.types import Dataset, Neighbour


@pytest.fixture
def said(tmp_path):
    """Runs a command in an empty project; gives all that it says."""
    (tmp_path / "trueup.toml").write_text('[project]\nname = "desk"\n[model]\nbase = "model"\n')

    def run(command, *words):
        done = CliRunner().invoke(command, ["--config", str(tmp_path), *words])
        assert done.exit_code == 0, done.output
        return done.output

    return run


@pytest.mark.parametrize("command", [mine.mine, inspect.inspect, review.review], ids=lambda command: command.name)
def test_without_calls_the_next_command_is_named(said, command):
    """No empty table, and no "everything is fine"."""
    output = said(command)
    assert output.endswith(NO_CALLS + "\n")
    assert "trueup ingest" in NO_CALLS


def night(similarity):
    near = Neighbour(case_id="1", train_id="2", similarity=similarity, text="soup  please", train_text="soup, please!")
    return Dataset(
        id="d",
        counts={"train": 3, "held_out": 1, "regression": 1, "replay": 0},
        fates={"train": 3, "held_out": 1, "regression": 1, "no_target": 4, "user_cap": 2},
        calls=11,
        target_sources={"correction": 5},
        leak_proof=(near,),
        notes={"options": {"near_duplicate": 0.8}, "nearest": similarity},
    )


def test_curation_says_what_was_left_out_why_and_what_brings_it_in(said, monkeypatch):
    """Six of eleven calls, each fate with its meaning and the command or key that mends it."""
    monkeypatch.setattr(step, "curate", lambda work: night(0.4))
    output = said(curate.curate)
    assert "left out: 6 of 11 calls" in output
    lines = {line.split()[0]: line for line in output.splitlines() if line.strip()}
    assert "worth a human look" in lines["no_target"] and "trueup review" in lines["no_target"]
    assert lines["user_cap"].rstrip().endswith("user_share_cap")
    assert "leak proof: 0 of 2 judged texts are within 0.8" in output
    assert "judged    soup please" in output


def test_a_leak_is_counted(said, monkeypatch):
    """A judged text within the threshold of a training text is no empty proof."""
    monkeypatch.setattr(step, "curate", lambda work: night(0.9))
    assert "leak proof: 1 of 2 judged texts" in said(curate.curate)
    assert '"leaks": 1' in said(curate.curate, "--json")
